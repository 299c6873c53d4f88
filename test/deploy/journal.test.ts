import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";

import { openJournal, readJournal, type Served, type Transition } from "../../src/deploy/journal.ts";
import { earlier, stateOf } from "../../src/deploy/state.ts";

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kiln-journal-"));
  path = join(folder, "journal");
});
afterEach(() => rmSync(folder, { recursive: true }));

const served = (version: string, environment: string | null = null): Served => ({
  release: { version, manifest: version.padEnd(64, "0"), artifact: "app", activator: "directory", specification: {} },
  environment,
});
const begin = (version: string, verb: "deploy" | "rollback" = "deploy"): Transition => ({
  step: "begin",
  verb,
  to: served(version),
});
const commit: Transition = { step: "commit" };
const failed: Transition[] = [{ step: "revert", why: "probe", message: "status 500" }, { step: "reverted" }];

async function write(...transitions: Transition[]): Promise<void> {
  const journal = await openJournal(path);
  for (const [at, transition] of transitions.entries()) journal.append(transition, at);
  journal.close();
}

test("what was appended is read again, one JSON object a line", async () => {
  await write(begin("1"), commit);
  await write(begin("2"));
  expect(readJournal(path).map(({ step }) => step)).toEqual(["begin", "commit", "begin"]);
  for (const line of readFileSync(path, "utf8").trimEnd().split("\n")) expect(JSON.parse(line)).toHaveProperty("sum");
});

test("no file is an empty journal", () => {
  expect(readJournal(path)).toEqual([]);
});

test("a last line that is torn anywhere never happened, and the next line takes its place", async () => {
  await write(begin("1"), commit, begin("2"));
  const whole = readFileSync(path);
  const lastStart = whole.lastIndexOf(10, whole.length - 2) + 1;
  for (let length = lastStart; length < whole.length; length += 1) {
    writeFileSync(path, whole.subarray(0, length));
    expect(readJournal(path).map(({ step }) => step)).toEqual(["begin", "commit"]);
    await write({ step: "stage" });
    expect(readJournal(path).map(({ step }) => step)).toEqual(["begin", "commit", "stage"]);
  }
});

test("a last line of garbage that a power cut left, newline and all, never happened either", async () => {
  await write(begin("1"));
  appendFileSync(path, Buffer.concat([Buffer.alloc(100), Buffer.from("\n")]));
  await write(commit);
  expect(readJournal(path).map(({ step }) => step)).toEqual(["begin", "commit"]);
});

test("any change before the last line is JOURNAL_INVALID, and nothing is written", async () => {
  await write(begin("1"), commit, begin("2"), commit);
  const whole = readFileSync(path);
  const lastStart = whole.lastIndexOf(10, whole.length - 2) + 1;
  fc.assert(
    fc.property(fc.nat({ max: lastStart - 2 }), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const changed = Buffer.from(whole);
      changed[at] = (changed[at] ?? 0) ^ change;
      writeFileSync(path, changed);
      expect(() => readJournal(path)).toThrow(expect.objectContaining({ code: "JOURNAL_INVALID" }));
    }),
  );
  const broken = readFileSync(path);
  await expect(openJournal(path)).rejects.toMatchObject({ code: "JOURNAL_INVALID" });
  expect(readFileSync(path)).toEqual(broken);
});

const fold = (...transitions: Transition[]) => stateOf(transitions.map((transition, at) => ({ ...transition, at })));
const refused = (...transitions: Transition[]) => [...fold(...transitions).refused.keys()].map((digest) => digest[0]);
const versions = (releases: readonly { version: string }[]): string[] => releases.map(({ version }) => version);

test("a run without an end is pending, and nothing else is", () => {
  expect(fold(begin("1"), { step: "switch" }).pending).toMatchObject({ verb: "deploy", revert: undefined });
  expect(fold(begin("1"), ...failed).pending).toBeUndefined();
  expect(fold(begin("1"), commit).current?.release.version).toBe("1");
});

test("rollback walks down the stack of what was deployed, and past what failed", () => {
  const deployed = [begin("1"), commit, begin("2"), commit, begin("3"), commit];
  expect(versions(earlier(fold(...deployed)))).toEqual(["2", "1"]);
  const rolledBack = [...deployed, begin("2", "rollback"), commit];
  expect(versions(earlier(fold(...rolledBack)))).toEqual(["1"]);
  expect(versions(earlier(fold(...rolledBack, begin("4"), commit)))).toEqual(["2", "1"]);
  expect(versions(earlier(fold(...deployed, begin("2", "rollback"), ...failed)))).toEqual(["1"]);
});

test("what failed its probe is refused until it is deployed well; what was rolled back until another is deployed", () => {
  expect(refused(begin("1"), commit, begin("2"), ...failed)).toEqual(["2"]);
  expect(refused(begin("1"), commit, begin("2"), ...failed, begin("3"), commit)).toEqual(["2"]);
  expect(refused(begin("1"), commit, begin("2"), ...failed, begin("2"), commit)).toEqual([]);
  const rolledBack = [begin("1"), commit, begin("2"), commit, begin("1", "rollback"), commit];
  expect(refused(...rolledBack)).toEqual(["2"]);
  expect(refused(...rolledBack, begin("3"), commit)).toEqual([]);
  // The release that is in service isn't refused because its new parameters were wrong.
  expect(refused(begin("1"), commit, begin("1"), ...failed)).toEqual([]);
});
