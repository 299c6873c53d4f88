// A disk that is full: wherever it fills up, the command says so, what was there stays as it was, and the same command
// succeeds when there is room.

import { randomBytes } from "node:crypto";
import { cp, mkdir } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";

import { contentsOf } from "../fixtures/contents.ts";
import {
  staticVersion,
  commit,
  copyScene,
  expectRefused,
  kiln,
  kilnDone,
  makeScene,
  recipe,
  removeScene,
  type Scene,
} from "../fixtures/scene.ts";
import { mountSmallDisk, type SmallDisk } from "../fixtures/small-disk.ts";

const kib = 1024;

let template: Scene;
beforeAll(async () => {
  template = await makeScene();
  // Half a megabyte that can't be compressed, so that there is something to fill a disk with.
  const version = staticVersion("1.1.0");
  await commit(template, { "kiln.yaml": recipe({ version }), "files/large.bin": randomBytes(512 * kib) });
});
afterAll(() => removeScene(template));

let scene: Scene;
let disk: SmallDisk;
beforeEach(async () => {
  scene = await copyScene(template);
  await mkdir(join(scene.root, "disk"));
  disk = await mountSmallDisk(join(scene.root, "disk"), 8);
});
afterEach(async () => {
  await disk.end();
  await removeScene(scene);
});

const onDisk = (name: string): string => join(scene.root, "disk", name);
const moveToDisk = (name: "project" | "store"): Promise<void> =>
  cp(scene[name], disk.seen(onDisk(name)), { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });

interface Attempt {
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Bytes that are free, by turns. */
  readonly rooms: readonly number[];
  /** What must hold after each failure. */
  readonly unharmed: () => Promise<void>;
}

/** Tries with more and more room; returns how often it failed. With all of it, it must succeed. */
async function squeeze({ args, rooms, unharmed, env = {}, cwd = scene.project }: Attempt): Promise<number> {
  const options = { env, wrapper: disk.wrapper(cwd) };
  let failures = 0;
  for (const room of rooms) {
    disk.fill(room);
    const said = await kiln(scene, args, options);
    if (said.end !== 0) {
      expectRefused(said, { status: 1, code: "DISK_FULL" });
      failures += 1;
      await unharmed();
    }
    disk.free();
    if (said.end === 0) return failures;
  }
  await kilnDone(scene, args, options);
  return failures;
}

test("store create", async () => {
  const failures = await squeeze({
    args: ["store", "create", onDisk("store"), "--origin", "kiln.test"],
    rooms: [0, 4 * kib, 12 * kib, 20 * kib],
    unharmed: async () =>
      expectRefused(await list(onDisk("store")), { status: 1, code: /^(?:STORE_NOT_FOUND|NOT_FOUND)$/ }),
  });
  expect(failures).toBeGreaterThan(1);
  expect((await list(onDisk("store"))).stdout).toBe("nothing was published yet\n");
});

test("bake", async () => {
  await moveToDisk("project");
  const before = await contentsOf(disk.seen(onDisk("project")), [".git", ".kiln"]);
  const cwd = onDisk("project");
  const failures = await squeeze({
    args: ["bake"],
    cwd,
    rooms: [0, 64 * kib, 600 * kib, 1200 * kib],
    unharmed: async () => expect(await contentsOf(disk.seen(cwd), [".git", ".kiln"])).toEqual(before),
  });
  expect(failures).toBeGreaterThan(1);
});

test("publish", async () => {
  await moveToDisk("store");
  const env = { KILN_STORE: onDisk("store") };
  await kilnDone(scene, ["bake"]);
  const failures = await squeeze({
    args: ["publish"],
    env,
    rooms: [0, 4 * kib, 100 * kib, 520 * kib, 530 * kib, 540 * kib, 550 * kib, 560 * kib, 580 * kib, 600 * kib],
    unharmed: async () => {
      await kilnDone(scene, ["verify", "app@1.0.0"], { env, wrapper: disk.wrapper(scene.project) });
    },
  });
  expect(failures).toBeGreaterThan(3);
  const { stdout } = await kilnDone(scene, ["deploy", "app:staging", "--json"], {
    env,
    wrapper: disk.wrapper(scene.project),
  });
  expect(JSON.parse(stdout)).toMatchObject({ to: "1.1.0" });
  await kilnDone(scene, ["verify", "app@1.1.0"], { env, wrapper: disk.wrapper(scene.project) });
});

test("deploy", async () => {
  const env = { KILN_ROOT: onDisk("host") };
  const options = { env, wrapper: disk.wrapper(scene.project) };
  await kilnDone(scene, ["deploy", "app@1.0.0"], options);
  await kilnDone(scene, ["publish"]);
  const failures = await squeeze({
    args: ["deploy", "app:staging"],
    env,
    rooms: [0, 4 * kib, 16 * kib, 300 * kib, 520 * kib, 800 * kib, 1050 * kib],
    unharmed: async () => {
      const { stdout } = await kilnDone(scene, ["status", "--json"], options);
      expect(JSON.parse(stdout)).toMatchObject({ deployed: [{ version: "1.0.0", state: "in service" }] });
    },
  });
  expect(failures).toBeGreaterThan(2);
  const { stdout } = await kilnDone(scene, ["status", "--json"], options);
  expect(JSON.parse(stdout)).toMatchObject({ deployed: [{ version: "1.1.0" }] });
});

function list(store: string) {
  return kiln(scene, ["list", "--store", store], { wrapper: disk.wrapper(scene.project) });
}
