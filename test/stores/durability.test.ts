// What makes a store survive a power cut is the order of its syncs, and no other test would notice one that is missing.
// Bytes before the name, the name's folder and the folders above it before the answer, also for what another has made.

import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { runProgram } from "./run-program.ts";

let folder: string;
let traced: Readonly<Record<string, readonly string[]>>;

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "kiln-trace-")));
  traced = (await runProgram("programs/trace.ts", [folder])) as typeof traced;
});
afterAll(() => rm(folder, { recursive: true }));

const syncs = (...paths: string[]) => [
  ...paths.map((path) => `sync ${path}`),
  ...paths.map((path) => `synced ${path}`),
];
/** Syncs that run at once end in any order. */
const ordered = (events: readonly string[] | undefined) =>
  events?.toSorted((a, b) => (a.startsWith("synced ") && b.startsWith("synced ") ? (a < b ? -1 : 1) : 0));

test("a new object: its bytes, its name, then every folder whose names changed, all before the answer", () => {
  expect(traced["create in new folders"]?.slice(0, 5)).toEqual([
    "sync TMP",
    "synced TMP",
    "mkdir pool",
    "mkdir pool/ab",
    "link TMP pool/ab/x",
  ]);
  expect(ordered(traced["create in new folders"]?.slice(5))).toEqual(syncs(".", "pool", "pool/ab"));
});

test("one more object costs one sync of its folder", () => {
  expect(traced["create beside it"]).toEqual([...syncs("TMP"), "link TMP pool/ab/y", ...syncs("pool/ab")]);
});

test("an object that another process made, and its folders, are made durable before they are said to exist", () => {
  expect(ordered(traced["create what another made"])).toEqual(syncs(".", "pool", "pool/ab"));
});

test("a document: its bytes, its name, its folder", () => {
  expect(traced["replace what isn't there"]).toEqual([...syncs("TMP"), "link TMP doc", ...syncs(".")]);
  expect(traced["replace"]).toEqual([...syncs("TMP"), "rename TMP doc", ...syncs(".")]);
  expect(traced["lose"]).toEqual(syncs("TMP"));
});

test("what a publisher reads is durable before it can build on it", () => {
  expect(traced["read"]).toEqual(syncs("."));
});

test("a removal is durable", () => {
  expect(traced["remove"]).toEqual(syncs("pool/ab"));
});
