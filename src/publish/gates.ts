// Gates, decided: whether a release may be published, or a channel lead to it, given the log as it stands. The gates are the
// manifest's own, so they can't be left out later; what they compare with is read from the releases that channels show now.
//
//   without `for`   asked when the release is published; one that compares with a channel, also when that channel moves
//   with `for`      asked whenever one of these channels moves, by a publish or a promotion
//
// A channel that goes back to a release it has shown isn't asked again: going back must never wait for a number.

import type { Digest } from "../artifact/digest.ts";
import { severities } from "../artifact/gate.ts";
import type { RefusalLeaf } from "../artifact/leaf.ts";
import { type Manifest, manifestFile, parseManifest } from "../artifact/manifest.ts";
import { poolKey } from "../artifact/pool.ts";
import { KilnError } from "../errors.ts";
import { readWholeBlob } from "../stores/read.ts";
import type { ReadableStore } from "../stores/store.ts";
import { type CatalogReader, findChannel, isRefused, moves } from "../views/catalog.ts";
import { requireShowable } from "./clashes.ts";

export interface Question {
  readonly store: ReadableStore;
  readonly catalog: CatalogReader;
  /** The release in question: its manifest's digest. */
  readonly identity: Digest;
  /** Its manifest, when it is about to be published; without it, it is in the log already. */
  readonly manifest?: Manifest | undefined;
  /** Of releases that are published together with it: they needn't be in the store yet. */
  readonly manifests?: ReadonlyMap<Digest, Manifest> | undefined;
  /** The channel that would move to it; null: none. */
  readonly channel: string | null;
  /** Seconds since 1970. */
  readonly time: number;
}

export interface Judgement {
  /** Of the gates that this asks. */
  readonly gates: readonly GateAnswer[];
  /** The leaves that log what failed; undefined: nothing did. None for what was logged in the same words before. */
  readonly refusals: readonly RefusalLeaf[] | undefined;
}

/** Throws NAME_CLASH, and what reading a manifest from the store throws. */
export async function judge(question: Question): Promise<Judgement> {
  const { identity, manifest, channel } = question;
  const isNew = manifest !== undefined;
  if (!isNew && channel === null) return { gates: [], refusals: undefined };
  const asked = { ...question, isNew, manifest: manifest ?? (await manifestOf(identity, question)) };
  if (channel !== null) requireShowable(asked.manifest, channel);
  const gates = await askGates(asked);
  if (gates.every(({ passed }) => passed)) return { gates, refusals: undefined };
  if (await isReturn(asked)) return { gates: [], refusals: undefined };
  return { gates, refusals: await refusalLeaves(gates, asked) };
}

/** Throws GATE_FAILED unless all of them passed. */
export function requirePassed(
  release: { readonly name: string; readonly version: string },
  gates: readonly GateAnswer[],
): void {
  const refusal = refusalOf({ release, gates });
  if (refusal !== undefined) throw refusal;
}

/** GATE_FAILED unless all of them passed. */
export function refusalOf({
  release: { name, version },
  gates,
}: {
  readonly release: { readonly name: string; readonly version: string };
  readonly gates: readonly GateAnswer[];
}): KilnError | undefined {
  const failed = gates.filter(({ passed }) => !passed);
  if (failed.length === 0) return undefined;
  const said = failed.map(({ gate, got, wanted }) => `gate ${gate}: got ${got}, want ${wanted}`);
  return new KilnError("GATE_FAILED", `${name}@${version}: ${said.join("; ")}`, {
    hint: `nothing was published or moved; the refusal is in the log, and \`kiln show ${name}\` lists it`,
    details: { name, version, gates },
  });
}

/** The manifest of a release in the store. Throws NOT_FOUND, STORE_CORRUPT. */
export async function readManifest(store: ReadableStore, identity: Digest): Promise<Manifest> {
  const key = poolKey({ sha256: identity, file: manifestFile });
  return parseManifest(await readWholeBlob(store, key, identity), key);
}

async function manifestOf(identity: Digest, { store, manifests }: Pick<Question, "store" | "manifests">) {
  return manifests?.get(identity) ?? (await readManifest(store, identity));
}

interface Asked extends Question {
  readonly manifest: Manifest;
  /** Whether it is published by what is being decided. */
  readonly isNew: boolean;
}

/** What a gate got and wanted, in words. */
export interface GateAnswer {
  readonly gate: string;
  readonly passed: boolean;
  readonly got: string;
  readonly wanted: string;
}

type Gate = NonNullable<Manifest["gates"]>[number];
type DemandOf<Sort extends Gate["demand"]["sort"]> = Extract<Gate["demand"], { readonly sort: Sort }>;
type Answer = Omit<GateAnswer, "gate">;

async function askGates(asked: Asked): Promise<GateAnswer[]> {
  const answers: GateAnswer[] = [];
  for (const gate of (asked.manifest.gates ?? []).filter((one) => isAsked(one, asked))) {
    answers.push({ gate: gate.name, ...(await answerOf(gate.demand, asked)) });
  }
  return answers;
}

async function refusalLeaves(gates: readonly GateAnswer[], asked: Asked): Promise<RefusalLeaf[]> {
  const { catalog, manifest, identity, channel, time } = asked;
  const { name, version } = manifest;
  const leaves: RefusalLeaf[] = [];
  for (const { gate, passed, got, wanted } of gates) {
    const said = { name, version, manifest: identity, gate, channel, got, wanted };
    if (!passed && !(await isRefused(catalog, said))) leaves.push({ type: "refusal", kiln: 1, ...said, time });
  }
  return leaves;
}

function isAsked(gate: Gate, { isNew, channel }: Asked): boolean {
  if (gate.for !== undefined) return channel !== null && gate.for.includes(channel);
  return isNew || (channel !== null && comparedChannel(gate) === channel);
}

function comparedChannel({ demand }: Gate): string | undefined {
  return demand.sort === "number" && typeof demand.than === "object" ? demand.than.channel : undefined;
}

async function isReturn({ catalog, manifest, identity, isNew, channel }: Asked): Promise<boolean> {
  if (isNew || channel === null) return false;
  for await (const { channel: moved, move } of moves(catalog, manifest.name)) {
    if (moved === channel && move.manifest === identity) return true;
  }
  return false;
}

async function answerOf(demand: Gate["demand"], asked: Asked): Promise<Answer> {
  switch (demand.sort) {
    case "check":
      return checkAnswer(demand, asked.manifest);
    case "severity":
      return severityAnswer(demand, asked.manifest);
    case "number":
      return numberAnswer(demand, asked);
  }
}

function checkAnswer({ check }: DemandOf<"check">, { checks = {} }: Manifest): Answer {
  const result = checks[check];
  return { passed: result === "passed", got: `${check} ${result ?? "without a result"}`, wanted: `${check} passed` };
}

function severityAnswer({ report, severity, unknown }: DemandOf<"severity">, manifest: Manifest): Answer {
  const bar = severities.slice(0, severities.indexOf(severity) + 1);
  const wanted = `no finding of severity ${bar.toReversed().join(", ")}${unknown === "count" ? " or unknown" : ""}`;
  const counts = [...bar, ...(unknown === "count" ? ["unknown"] : [])].map((name) => {
    return [name, numberIn(manifest, report, name)] as const;
  });
  const absent = counts.find(([, count]) => count === undefined);
  if (absent !== undefined) return { passed: false, got: `no number of ${absent[0]} findings in ${report}`, wanted };
  const found = counts.filter(([, count]) => count !== 0).map(([name, count]) => `${count} ${name}`);
  return { passed: found.length === 0, got: found.length === 0 ? "none" : found.join(", "), wanted };
}

async function numberAnswer(demand: DemandOf<"number">, asked: Asked): Promise<Answer> {
  const { report, number, bound, than } = demand;
  const { manifest } = asked;
  const value = numberIn(manifest, report, number);
  const unit = unitOf(manifest, report);
  const got = value === undefined ? `no ${number} in ${report}` : `${number} ${value}${unit}`;
  const bar = typeof than === "number" ? { value: than, of: "" } : await shownNumber(demand, than, asked);
  if (bar.value === undefined) return { passed: value !== undefined, got, wanted: bar.of };
  const wanted = `at ${bound} ${bar.value}${unit}${bar.of}`;
  if (value === undefined) return { passed: false, got, wanted };
  return { passed: bound === "least" ? value >= bar.value : value <= bar.value, got, wanted };
}

/** What the number of the release in the channel allows, and whose it is; no value: there is nothing to compare with. */
async function shownNumber(
  { report, number, bound }: DemandOf<"number">,
  { channel, tolerance }: Exclude<DemandOf<"number">["than"], number>,
  asked: Asked,
): Promise<{ readonly value: number | undefined; readonly of: string }> {
  const { name } = asked.manifest;
  const shown = await findChannel(asked.catalog, name, channel);
  if (shown === undefined) {
    return { value: undefined, of: `any: ${channel} shows nothing to compare with yet` };
  }
  const release = `${name} ${shown.version} in ${channel}`;
  const value = numberIn(await manifestOf(shown.manifest, asked), report, number);
  if (value === undefined) return { value: undefined, of: `any: ${release} has no ${number} in ${report}` };
  const allowed = bound === "least" ? value - tolerance : value + tolerance;
  const of = tolerance === 0 ? release : `${release} has ${value}, and the tolerance is ${tolerance}`;
  // Sums of decimals: 84 - 0.1 is 83.9, not what binary makes of it.
  return { value: Math.round(allowed * 1e6) / 1e6, of: ` (${of})` };
}

function numberIn({ artifacts }: Manifest, report: string, number: string): number | undefined {
  const numbers = artifacts.find(({ name }) => name === report)?.record["numbers"];
  const found = typeof numbers === "object" && numbers !== null ? Object.entries(numbers) : [];
  const value: unknown = found.find(([name]) => name === number)?.[1];
  return typeof value === "number" ? value : undefined;
}

function unitOf({ artifacts }: Manifest, report: string): string {
  return artifacts.find(({ name }) => name === report)?.record["unit"] === "%" ? " %" : "";
}
