import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";

import { afterEach, beforeEach, expect, test } from "vitest";

import type { Activation, Instance, Place } from "../../src/activators/activator.ts";
import { directory } from "../../src/activators/directory.ts";
import { testContext } from "../fixtures/host.ts";
import { archiveOf } from "../fixtures/signed-store.ts";

let folder: string;
let place: Place;
const step = { progress() {}, output() {}, end() {}, skip() {}, fail() {} };
const started: Instance[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kiln-directory-"));
  place = { name: "app", folder: join(folder, "app") };
  mkdirSync(place.folder);
});
afterEach(async () => {
  for (const instance of started.splice(0)) await directory.stop(instance, place);
  rmSync(folder, { recursive: true });
});

const prepare = (id: string, specification: object = {}, parameters: Record<string, string> = {}): Activation =>
  directory.prepare({ place, id, specification: { with: "directory", ...specification }, parameters }, testContext());

async function stage(id: string, files: Record<string, string>): Promise<Activation> {
  const activation = prepare(id);
  await activation.stage(Readable.from([await archiveOf(files, folder)]), step);
  return activation;
}

async function start(activation: Activation): Promise<Instance> {
  let instance: Instance | undefined;
  await activation.start(async (made) => {
    instance = made;
    started.push(made);
  });
  if (instance === undefined) throw new TypeError("nothing was started");
  return instance;
}

test("staging makes a release beside the others and touches nothing in service", async () => {
  const first = await stage("1", { a: "one" });
  await first.switch();
  const second = await stage("2", { a: "two" });
  expect(second.isStaged()).toBe(true);
  expect(directory.shown(place)).toBe("1");
  await second.switch();
  expect(directory.shown(place)).toBe("2");
  expect(readlinkSync(join(place.folder, "current"))).toBe("releases/2");
  expect(await readFile(join(place.folder, "current/a"), "utf8")).toBe("two");
});

test("every operation may be done again, and after one that a crash cut off", async () => {
  const activation = await stage("1", { a: "one" });
  mkdirSync(join(place.folder, "releases/.staging/half"), { recursive: true });
  symlinkSync("releases/nowhere", join(place.folder, ".current"));
  await activation.switch();
  await activation.switch();
  const second = await stage("2", { a: "two" });
  await second.switch();
  expect(readdirSync(join(place.folder, "releases")).toSorted()).toEqual(["1", "2"]);
  await directory.withdraw(place);
  await directory.withdraw(place);
  expect(directory.shown(place)).toBeUndefined();
});

test("an archive that is refused leaves nothing, and what is in service stays", async () => {
  const activation = prepare("bad");
  await expect(activation.stage(Readable.from([Buffer.from("not an archive")]), step)).rejects.toMatchObject({
    code: "ARCHIVE_UNSAFE",
  });
  expect(activation.isStaged()).toBe(false);
  expect(readdirSync(join(place.folder, "releases"))).toEqual([]);
});

test("pruning removes what isn't kept, and what an interrupted staging left", async () => {
  for (const id of ["1", "2", "3"]) await stage(id, { a: id });
  mkdirSync(join(place.folder, "releases/.staging"));
  await directory.prune(place, ["2", "3"]);
  expect(readdirSync(join(place.folder, "releases")).toSorted()).toEqual(["2", "3"]);
});

test("a link that isn't ours is no release", () => {
  expect(directory.shown(place)).toBeUndefined();
  symlinkSync("/etc", join(place.folder, "current"));
  expect(directory.shown(place)).toBeUndefined();
  rmSync(join(place.folder, "current"));
  writeFileSync(join(place.folder, "current"), "");
  expect(directory.shown(place)).toBeUndefined();
});

test("parameters are filled into the start command and the probe; a missing one is named with its file", async () => {
  await stage("1", { "run.sh": 'echo "$1" > out; exec sleep 60\n' });
  const specification = {
    start: ["sh", "run.sh", "${GREETING}, ${WHO}"],
    probe: { command: ["grep", "-qx", "hello, you", "out"], within: "5s" },
  };
  expect(() => prepare("1", specification, { WHO: "you" })).toThrow(
    expect.objectContaining({
      code: "PARAMETER_MISSING",
      message: expect.stringContaining(`${place.folder}/environment: got no GREETING`),
    }),
  );
  const activation = prepare("1", specification, { GREETING: "hello", WHO: "you" });
  await activation.switch();
  await activation.probe(await start(activation));
});

test("an address that parameters make unusable is refused, and the value isn't shown", () => {
  for (const probe of [{ http: "http://${HOST}/" }, { tcp: "localhost:${HOST}" }]) {
    const attempt = (): Activation =>
      prepare("1", { probe: { within: "1s", ...probe } }, { HOST: "secret host:99999" });
    expect(attempt).toThrow(
      expect.objectContaining({ code: "ENVIRONMENT_INVALID", message: expect.not.stringContaining("secret") }),
    );
  }
});

test("a process without a probe must live for a moment", async () => {
  await stage("1", { a: "one" });
  const well = prepare("1", { start: ["sleep", "60"] });
  await well.probe(await start(well));
  const ill = prepare("1", { start: ["sh", "-c", "echo no config; exit 1"] });
  await expect(ill.probe(await start(ill))).rejects.toMatchObject({
    code: "PROBE_FAILED",
    message: expect.stringMatching(/the process ended[^]*no config/),
  });
});

test.each([
  ["an unknown key", { strat: ["x"] }],
  ["an empty command", { start: [] }],
  ["a probe that asks nothing", { probe: { within: "1s" } }],
  ["a probe that asks two things", { probe: { http: "http://x/", tcp: "x:1" } }],
  ["a probe of a file", { probe: { http: "file:///etc/passwd" } }],
  ["a time without unit", { probe: { tcp: "x:1", within: "30" } }],
])("%s isn't deployable", (_, specification) => {
  expect(() => prepare("1", specification)).toThrow(expect.objectContaining({ code: "NOT_DEPLOYABLE" }));
});
