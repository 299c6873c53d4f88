import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { execa } from "execa";
import { afterEach, beforeEach, expect, test } from "vitest";

import { createStore } from "../../src/publish/create-store.ts";
import { publishRelease } from "../../src/publish/release.ts";
import { reserveVersion } from "../../src/publish/reserve.ts";
import { nextVersion } from "../../src/recipe/version-line.ts";
import type { Store } from "../../src/stores/store.ts";
import { makeStore } from "../../src/stores/writable.ts";
import { bakeOf, publisher, signers, trust } from "../fixtures/publisher.ts";

const program = new URL("../programs/reserve.ts", import.meta.url).pathname;
const day = 24 * 60 * 60 * 1000;

let folder: string;
let store: Store;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kiln-reserve-"));
  store = await makeStore(join(folder, "store"), { cwd: folder, signal: new AbortController().signal });
  await createStore({ store, trust, signer: signers.log, now: 0 });
});
afterEach(() => rm(folder, { recursive: true }));

const reserve = (commit: string, { now = 0, line = "1.4.*" } = {}): Promise<string> =>
  reserveVersion({
    store,
    trust,
    now,
    pause: () => Promise.resolve(),
    name: "app",
    claim: { commit, recipe: "kiln.yaml" },
    next: (taken) => nextVersion(line, taken),
  });

test("a commit gets the next version, and the same when it asks again", async () => {
  expect(await reserve("a")).toBe("1.4.0");
  expect(await reserve("b")).toBe("1.4.1");
  expect(await reserve("a")).toBe("1.4.0");
  expect(await reserve("c", { line: "1.5.0-rc.*" })).toBe("1.5.0-rc.1");
});

test("a reservation that dies lapses after a day, and its version is free again", async () => {
  await reserve("a");
  expect(await reserve("b", { now: day - 1 })).toBe("1.4.1");
  // That of b is alive, so no version below it is given out.
  expect(await reserve("c", { now: day + 1 })).toBe("1.4.2");
  expect(await reserve("d", { now: 5 * day })).toBe("1.4.0");
});

test("what was published is taken for good, and is the version of its commit", async () => {
  await publishRelease(publisher(store), { bake: bakeOf({ name: "app", version: "1.4.0", commit: "a" }) });
  const { claims } = { claims: bakeOf({ name: "app", version: "1.4.0", commit: "a" }).manifest.source };
  expect(await reserve("other", { now: 9 * day })).toBe("1.4.1");
  expect(await reserve(claims.commit ?? "", { now: 9 * day })).toBe("1.4.0");
});

test("processes that ask at once never get the same version", { timeout: 120_000 }, async () => {
  const commits = (process: number) => [0, 1, 2, 3, 4].map((at) => `${process}-${at}`);
  const runs = [0, 1, 2, 3, 4].map((at) => execa(process.execPath, [program, store.url, "1.4.*", ...commits(at)]));
  const given = (await Promise.all(runs)).flatMap(({ stdout }) => JSON.parse(stdout) as string[]);
  const wanted = Array.from({ length: 25 }, (_, at) => `1.4.${at}`);
  expect(given.toSorted()).toEqual(wanted.toSorted());
});
