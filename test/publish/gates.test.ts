// Gates against a store: what they ask when, what they compare with, and that what they refuse is logged and nothing else.

import { expect, test } from "vitest";

import type { Manifest } from "../../src/artifact/manifest.ts";
import { isKilnError, KilnError } from "../../src/errors.ts";
import { promote } from "../../src/publish/promote.ts";
import { pointAt, publishRelease } from "../../src/publish/release.ts";
import { readDocument } from "../../src/stores/read.ts";
import { audit } from "../../src/verify/audit/audit.ts";
import { openMemoryStore } from "../faults/memory-store.ts";
import { buildStore, makeBake, testContext } from "../fixtures/store-builder.ts";

type Gates = NonNullable<Manifest["gates"]>;
type Gate = Gates[number];
type NumberDemand = Extract<Gate["demand"], { sort: "number" }>;

const ratchet = (more: Partial<NumberDemand> = {}, channels?: string[]): Gate => ({
  name: "coverage",
  ...(channels === undefined ? {} : { for: channels }),
  demand: {
    sort: "number",
    report: "coverage",
    number: "lines",
    bound: "least",
    than: { channel: "staging", tolerance: 0 },
    ...more,
  },
});
const severity = (more: Partial<Extract<Gate["demand"], { sort: "severity" }>> = {}): Gate => ({
  name: "scan",
  demand: { sort: "severity", report: "scan", severity: "high", unknown: "count", ...more },
});
const coverage = (lines: number) => ({ coverage: { format: "lcov", unit: "%", numbers: { lines } } });
const scan = (numbers: Record<string, number>) => ({
  scan: { format: "sarif", numbers: { critical: 0, high: 0, medium: 0, low: 0, unknown: 0, ...numbers } },
});
const staging = { channel: { channel: "staging" } };

type Options = Partial<Parameters<typeof makeBake>[0]>;

async function scene() {
  const { store, trust, publisher } = await buildStore(openMemoryStore());
  let count = 0;
  return {
    store,
    publish: (options: Options, pointers: Parameters<typeof pointAt>[2] = staging) => {
      count += 1;
      const named = { name: "billing", version: `1.0.${count}`, commit: `${count}abc` };
      return publishRelease(publisher, { bake: makeBake({ ...named, ...options }), ...pointers });
    },
    promote: (version: string, channel: string) =>
      promote(publisher, { name: "billing", by: "version", version }, channel),
    pointAt: (version: string, channel: string) =>
      pointAt(publisher, { name: "billing", version }, { channel: { channel }, alias: "autumn" }),
    shown: async (channel: string) => {
      const found = await readDocument(store, `channels/billing/${channel}.json`);
      const document = found && (JSON.parse(found.bytes.toString()) as { move: { entry: string } });
      const envelope = document && (JSON.parse(Buffer.from(document.move.entry, "base64").toString()) as Payload);
      return (
        envelope && (JSON.parse(Buffer.from(envelope.payload, "base64").toString()) as { version: string }).version
      );
    },
    audit: () => audit({ store, trust, since: undefined, context: testContext() }),
  };
}

interface Payload {
  readonly payload: string;
}

async function refusal(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (isKilnError(error, "GATE_FAILED") && error instanceof KilnError) return error.message;
  throw new Error(`got ${String(error)}, want a refusal`);
}

test("the ratchet: lower is refused before anything is uploaded, logged and names both numbers; higher passes", async () => {
  const { store, publish, shown, audit } = await scene();
  const first = await publish({ reports: coverage(90), gates: [ratchet()] });
  expect(first.gates).toEqual([
    { gate: "coverage", passed: true, got: "lines 90 %", wanted: "any: staging shows nothing to compare with yet" },
  ]);
  const pool = async () => (await Array.fromAsync(store.list("pool/"))).length;
  const before = await pool();
  expect(await refusal(publish({ reports: coverage(80.5), gates: [ratchet()] }))).toBe(
    "billing@1.0.2: gate coverage: got lines 80.5 %, want at least 90 % (billing 1.0.1 in staging)",
  );
  expect(await pool()).toBe(before);
  expect(await shown("staging")).toBe("1.0.1");
  const third = await publish({ reports: coverage(91), gates: [ratchet()] });
  expect(third.gates[0]).toMatchObject({ passed: true, wanted: "at least 90 % (billing 1.0.1 in staging)" });
  expect(await shown("staging")).toBe("1.0.3");
  const { verdict, findings, refusals } = await audit();
  expect([verdict, findings]).toEqual(["verified", []]);
  expect(refusals.map(({ leaf }) => leaf)).toMatchObject([
    {
      type: "refusal",
      name: "billing",
      version: "1.0.2",
      gate: "coverage",
      channel: "staging",
      got: "lines 80.5 %",
      wanted: "at least 90 % (billing 1.0.1 in staging)",
    },
  ]);
});

test("a refused version stays free; the same refusal again is logged once, and another one again", async () => {
  const { publish, audit } = await scene();
  await publish({ reports: coverage(90), gates: [ratchet()] });
  const low = { version: "2.0.0", commit: "bad", reports: coverage(80), gates: [ratchet()] };
  await refusal(publish(low));
  await refusal(publish(low));
  expect((await audit()).refusals).toHaveLength(1);
  await publish({ reports: coverage(95), gates: [ratchet()] });
  await refusal(publish(low));
  expect((await audit()).refusals).toHaveLength(2);
  const { release } = await publish({ ...low, reports: coverage(95) });
  expect(release.version).toBe("2.0.0");
});

test.each([
  ["a tolerance lets it fall by as much", { than: { channel: "staging", tolerance: 0.1 } }, 84, 83.9, undefined],
  [
    "and not by more",
    { than: { channel: "staging", tolerance: 0.1 } },
    84,
    83.89,
    "want at least 83.9 % (billing 1.0.1 in staging has 84, and the tolerance is 0.1)",
  ],
  ["a number that must not grow", { bound: "most" as const }, 3, 4, "want at most 3 % (billing 1.0.1 in staging)"],
  ["and doesn't", { bound: "most" as const }, 3, 3, undefined],
  ["a number that must be reached", { than: 80 }, 85, 79.99, "got lines 79.99 %, want at least 80 %"],
  ["and is", { than: 80 }, 85, 80, undefined],
  ["another number than the report has", { number: "branches" }, 85, 85, undefined],
] as const)("%s", async (_, demand, before, now, message) => {
  const { publish } = await scene();
  await publish({ reports: coverage(before) });
  const work = publish({ reports: coverage(now), gates: [ratchet(demand)] });
  if (message !== undefined) expect(await refusal(work)).toContain(message);
  else if ("number" in demand) expect(await refusal(work)).toContain("got no branches in coverage");
  else expect((await work).added).toBe(true);
});

test("a release in the channel without such a report or number is nothing to compare with", async () => {
  const { publish } = await scene();
  await publish({});
  const { gates } = await publish({ reports: coverage(10), gates: [ratchet()] });
  expect(gates[0]?.wanted).toBe("any: billing 1.0.1 in staging has no lines in coverage");
});

test.each([
  [{ high: 0, medium: 7, low: 9 }, {}, undefined],
  [{ critical: 1, high: 2 }, {}, "got 1 critical, 2 high, want no finding of severity high, critical or unknown"],
  [{ unknown: 2 }, {}, "got 2 unknown"],
  [{ unknown: 2 }, { unknown: "ignore" as const }, undefined],
  [{ low: 1 }, { severity: "low" as const }, "got 1 low"],
  [{ high: 5 }, { severity: "critical" as const }, undefined],
])("a scan with %j against %j", async (numbers, more, message) => {
  const { publish } = await scene();
  const work = publish({ reports: scan(numbers), gates: [severity(more)] });
  if (message === undefined) expect((await work).added).toBe(true);
  else expect(await refusal(work)).toContain(message);
});

test("a report without findings, or no such report, doesn't pass a severity gate", async () => {
  const { publish } = await scene();
  expect(await refusal(publish({ gates: [severity()] }))).toContain("got no number of critical findings in scan");
});

test("a check must have passed; all gates that say no are named and logged", async () => {
  const { publish, audit } = await scene();
  const gate: Gate = { name: "tests", demand: { sort: "check", check: "unit" } };
  expect((await publish({ checks: { unit: "passed" }, gates: [gate] })).gates).toEqual([
    { gate: "tests", passed: true, got: "unit passed", wanted: "unit passed" },
  ]);
  const both = publish({ checks: { unit: "failed" }, reports: scan({ high: 1 }), gates: [gate, severity()] });
  expect(await refusal(both)).toBe(
    "billing@1.0.2: gate tests: got unit failed, want unit passed; " +
      "gate scan: got 1 high, want no finding of severity high, critical or unknown",
  );
  expect(await refusal(publish({ gates: [gate] }))).toContain("got unit without a result");
  expect((await audit()).refusals.map(({ leaf }) => leaf.gate)).toEqual(["tests", "scan", "tests"]);
});

test("a gate with `for` is asked when that channel moves: by a publish, a promotion or a tag, and then only", async () => {
  const { publish, promote, pointAt, shown, audit } = await scene();
  const gates = [ratchet({ than: { channel: "production", tolerance: 0 } }, ["production"])];
  await publish({ reports: coverage(90), gates });
  await promote("1.0.1", "production");
  await publish({ reports: coverage(80), gates });
  expect(await shown("staging")).toBe("1.0.2");
  const want = "want at least 90 % (billing 1.0.1 in production)";
  expect(await refusal(promote("1.0.2", "production"))).toContain(want);
  expect(await refusal(pointAt("1.0.2", "production"))).toContain(want);
  expect(await refusal(publish({ reports: coverage(85), gates }, { channel: { channel: "production" } }))).toContain(
    want,
  );
  expect(await shown("production")).toBe("1.0.1");
  await promote("1.0.2", "branch-x");
  await publish({ version: "2.0.0", reports: coverage(91), gates });
  expect((await promote("2.0.0", "production")).gates).toHaveLength(1);
  const { verdict, refusals } = await audit();
  expect(verdict).toBe("verified");
  // Promotion and tag were refused in the same words.
  expect(refusals.map(({ leaf: { version, channel } }) => [version, channel])).toEqual([
    ["1.0.2", "production"],
    ["1.0.3", "production"],
  ]);
});

test("a ratchet without `for` is asked again when its own channel moves, not when others do", async () => {
  const { publish, promote } = await scene();
  await publish({ reports: coverage(80), gates: [ratchet()] }, {});
  await publish({ reports: coverage(90), gates: [ratchet()] });
  expect((await promote("1.0.1", "production")).moved).toBe(true);
  expect(await refusal(promote("1.0.1", "staging"))).toContain("want at least 90 %");
});

test("a channel goes back to what it has shown without asking", async () => {
  const { publish, promote, shown } = await scene();
  await publish({ reports: coverage(80), gates: [ratchet()] });
  await publish({ reports: coverage(90), gates: [ratchet()] });
  expect(await promote("1.0.1", "staging")).toMatchObject({ moved: true, gates: [] });
  expect(await shown("staging")).toBe("1.0.1");
});

test("publishing again what was published asks nothing", async () => {
  const { publish } = await scene();
  const low = { version: "1.0.0", commit: "a", reports: coverage(80), gates: [ratchet()] };
  await publish(low);
  await publish({ reports: coverage(90), gates: [ratchet()] });
  expect(await publish(low, {})).toMatchObject({ added: false, gates: [] });
});
