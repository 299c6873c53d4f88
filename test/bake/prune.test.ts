import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { pruneBakes } from "../../src/bake/prune.ts";
import { withWorkFolder, workName } from "../../src/bake/workspace.ts";
import { temporaryFolder } from "../system/made-repository.ts";
import { makeProject } from "./made-project.ts";

const hour = 3600;
const signal = new AbortController().signal;

/** Finished bakes, the first the oldest, an hour apart; the last one is of `newest` (seconds since 1970). */
function bakes(count: number, newest: number): { path: string; names: string[] } {
  const path = temporaryFolder();
  mkdirSync(join(path, "work"));
  const names = Array.from({ length: count }, (_, at) => at.toString(16).padStart(8, "0").padEnd(64, "0"));
  for (const [at, name] of names.entries()) {
    mkdirSync(join(path, name));
    writeFileSync(join(path, name, "release.json"), "{}");
    const time = newest - (count - 1 - at) * hour;
    utimesSync(join(path, name), time, time);
  }
  return { path, names };
}

const left = (path: string): string[] => readdirSync(path).filter((name) => name.length === 64);

test("the twenty newest bakes are kept", async () => {
  const now = 2_000_000_000;
  const { path, names } = bakes(25, now - 2 * hour);
  await pruneBakes({ path }, { now: () => now * 1000, signal });
  expect(left(path).toSorted()).toEqual(names.slice(5));
});

test("what was made or used within the hour is kept, however many there are", async () => {
  const now = 2_000_000_000;
  const { path, names } = bakes(30, now);
  for (const name of names) utimesSync(join(path, name), now - 60, now - 60);
  await pruneBakes({ path }, { now: () => now * 1000, signal });
  expect(left(path)).toHaveLength(30);
});

test("a bake whose key is being baked again is left alone, and so is all else in the folder", async () => {
  const now = 2_000_000_000;
  const { path, names } = bakes(22, now - 2 * hour);
  mkdirSync(join(path, "plans"));
  const oldest = names[0] ?? "";
  await withWorkFolder({ path }, { name: workName(oldest), signal }, () =>
    pruneBakes({ path }, { now: () => now * 1000, signal }),
  );
  expect(existsSync(join(path, oldest))).toBe(true);
  expect(existsSync(join(path, names[1] ?? ""))).toBe(false);
  expect(existsSync(join(path, "plans"))).toBe(true);
});

test("a bake that is used again counts as new", async () => {
  const project = makeProject({ recipe: "artifacts: { app: { kind: archive, from: kiln.yaml } }\n" });
  const { folder } = await project.bake();
  utimesSync(folder, 1, 1);
  expect(await project.bake()).toMatchObject({ cached: true });
  await pruneBakes({ path: project.kilnFolder }, { now: () => Date.now(), signal });
  expect(existsSync(folder)).toBe(true);
});
