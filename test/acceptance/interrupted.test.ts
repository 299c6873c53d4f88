// Ctrl-C and SIGTERM in the middle of a bake, a publish and a deploy: one line says so, nothing is left running, nothing that
// anybody reads changed, and the same command succeeds the next time.

import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { zstdCompressSync } from "node:zlib";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { bakeInto, putArtifact } from "../fixtures/bake-folder.ts";
import { tarOf } from "../fixtures/hand-made-tar.ts";
import { processesWith } from "../fixtures/processes.ts";
import {
  commit,
  copyScene,
  expectRefused,
  kilnDone,
  makeScene,
  recipe,
  removeScene,
  type Scene,
  startKiln,
  staticVersion,
  stateOf,
} from "../fixtures/scene.ts";

let scene: Scene;
beforeAll(async () => {
  scene = await makeScene();
  await bakeInto(scene, "out");
});
afterAll(() => removeScene(scene));

const signals = ["SIGINT", "SIGTERM"] as const;
const cancelled = { status: 1, code: "CANCELLED" } as const;
const soon = { timeout: 60_000, interval: 20 };

interface Interruption {
  readonly scene: Scene;
  readonly args: readonly string[];
  readonly signal: NodeJS.Signals;
  /** When it is sent. */
  readonly when: () => Promise<unknown>;
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts the command, sends the signal at the moment, and expects it to end as interrupted, with nothing left. */
async function interrupt({ scene: own, args, signal, when, env = {} }: Interruption): Promise<void> {
  const child = startKiln(own, args, { env });
  await when();
  child.kill(signal);
  const { exitCode, signal: ended, stdout, stderr } = await child;
  expectRefused({ end: exitCode ?? ended ?? "nothing", stdout, stderr }, cancelled);
  // Every process that Kiln starts works below the scene's folder.
  await expect.poll(() => processesWith(own.root), soon).toEqual([]);
}

const inScene = async (work: (own: Scene) => Promise<void>): Promise<void> => {
  const own = await copyScene(scene);
  try {
    await work(own);
  } finally {
    await removeScene(own);
  }
};

describe.each(signals)("%s", (signal) => {
  test.each(["none", "sandbox"])("in a step of a bake, isolation %s", async (isolation) => {
    await inScene(async (own) => {
      // The step's children are looked for by an argument that nothing else has. In the sandbox even one that left its
      // group can't survive.
      const mark = `${process.pid}${signal === "SIGINT" ? 1 : 2}${isolation.length}`;
      const leaving = isolation === "sandbox" ? "setsid " : "";
      // Two steps side by side: both are ended.
      const build = [
        { run: `test -e quick || { ${leaving}sleep ${mark} & sleep ${mark}; }`, after: [] },
        { run: `test -e quick || sleep ${mark}`, after: [] },
      ];
      const running = availableParallelism() > 1 ? 3 : 2;
      await commit(own, { "kiln.yaml": recipe({ build: JSON.stringify(build) }) });
      const before = await stateOf(own);
      const env = { KILN_ISOLATION: isolation };
      const sleeping = () => processesWith(`sleep\0${mark}`).length;
      const when = async () => {
        await expect.poll(sleeping, soon).toBe(running);
      };
      await interrupt({ scene: own, args: ["publish"], signal, when, env });
      await expect.poll(sleeping, soon).toBe(0);
      expect(await stateOf(own)).toEqual(before);
      const version = staticVersion("1.0.3");
      await commit(own, { quick: "", "kiln.yaml": recipe({ build: JSON.stringify(build), version }) });
      await kilnDone(own, ["publish"], { env });
    });
  });

  test("in the upload of a publish", async () => {
    await inScene(async (own) => {
      await putArtifact(join(own.root, "out"), randomBytes(1 << 28));
      const before = await stateOf(own);
      const args = ["publish", "../out", "--channel", "staging"];
      const when = async () => {
        await expect.poll(() => bytesIn(join(own.store, ".tmp")), soon).toBeGreaterThan(1_000_000);
      };
      await interrupt({ scene: own, args, signal, when });
      expect(await stateOf(own)).toEqual(before);
      expect(bytesIn(join(own.store, ".tmp"))).toBe(0);
      await kilnDone(own, args);
    });
  });

  test("in the unpacking of a deploy", async () => {
    await inScene(async (own) => {
      await kilnDone(own, ["deploy", "app:staging"]);
      const members = Array.from({ length: 20_000 }, (_, at) => ({ path: `file-${at}`, body: "x".repeat(3000) }));
      await putArtifact(join(own.root, "out"), zstdCompressSync(tarOf(...members)));
      await kilnDone(own, ["publish", "../out", "--channel", "staging"]);
      const when = async () => {
        await expect.poll(() => entriesIn(join(own.host, "app/releases/.staging")), soon).toBeGreaterThan(100);
      };
      await interrupt({ scene: own, args: ["deploy", "app:staging"], signal, when });
      await expectServed(own, "1.0.0");
      await kilnDone(own, ["deploy", "app:staging"]);
      await expectServed(own, "1.0.1");
    });
  });

  test("in the probe of a deploy", async () => {
    await inScene(async (own) => {
      await kilnDone(own, ["deploy", "app:staging"]);
      const start = ["sh", "-c", "touch started; sleep 1000"];
      const activate = { app: { with: "directory", start, probe: { command: ["test", "-e", "well"], within: "1m" } } };
      await putArtifact(join(own.root, "out"), zstdCompressSync(tarOf({ path: "a" })), { activate });
      await kilnDone(own, ["publish", "../out", "--channel", "staging"]);
      const started = () => existsSync(join(own.host, "app/current/started"));
      const when = async () => {
        await expect.poll(started, soon).toBe(true);
      };
      await interrupt({ scene: own, args: ["deploy", "app:staging"], signal, when });
      await expectServed(own, "1.0.0");
    });
  });
});

test("a second signal ends it at once, and the next command puts right what it left", async () => {
  await inScene(async (own) => {
    const build = ["trap '' INT TERM; test -e quick || sleep 600"];
    await commit(own, { "kiln.yaml": recipe({ build: JSON.stringify(build) }) });
    const child = startKiln(own, ["publish"]);
    await expect.poll(() => processesWith("sleep\x00600").length, soon).toBeGreaterThan(0);
    child.kill("SIGTERM");
    child.kill("SIGTERM");
    expect(await child).not.toMatchObject({ exitCode: 0 });
    const version = staticVersion("1.0.3");
    await commit(own, { quick: "", "kiln.yaml": recipe({ build: JSON.stringify(build), version }) });
    await kilnDone(own, ["publish"]);
  });
});

async function expectServed(own: Scene, version: string): Promise<void> {
  const { stdout } = await kilnDone(own, ["status", "app", "--json"]);
  expect(JSON.parse(stdout)).toMatchObject({ deployed: [{ version, state: "in service" }] });
}

/** Of Kiln's temporary files; the lock is none. */
function bytesIn(folder: string): number {
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => name !== "lock") : [];
  return files.reduce((sum, file) => sum + (statSync(join(folder, file), { throwIfNoEntry: false })?.size ?? 0), 0);
}

function entriesIn(folder: string): number {
  return existsSync(folder) ? readdirSync(folder).length : 0;
}
