// Which of two versions a stock client takes for the newer one, by the client's own rule, for versions of any writing: packages that
// others made follow no rule of Kiln's. Each function answers less than 0, 0 or more than 0, for sorting.

import { type PythonParts, pythonParts } from "./same.ts";

/** dpkg: epoch, upstream version and revision, in turns of text and number; `~` sorts before the end. Spec: deb-version(7). */
export function compareDebian(one: string, other: string): number {
  const [a, b] = [debianParts(one), debianParts(other)];
  return (
    compare(BigInt(a.epoch), BigInt(b.epoch)) || byTurns(a.upstream, b.upstream) || byTurns(a.revision, b.revision)
  );
}

function debianParts(version: string): { epoch: string; upstream: string; revision: string } {
  const groups = /^(?:(?<epoch>[0-9]+):)?(?<upstream>.*?)(?:-(?<revision>[^-]*))?$/s.exec(version)?.groups ?? {};
  return { epoch: groups["epoch"] ?? "0", upstream: groups["upstream"] ?? "", revision: groups["revision"] ?? "" };
}

function byTurns(one: string, other: string): number {
  const [ones, others] = [turnsOf(one), turnsOf(other)];
  for (let at = 0; at < Math.max(ones.length, others.length); at++) {
    const [a, b] = [ones[at] ?? noTurn, others[at] ?? noTurn];
    const order = byLetters(a.text, b.text) || compare(a.number, b.number);
    if (order !== 0) return order;
  }
  return 0;
}

const noTurn = { text: "", number: 0n };

function turnsOf(version: string): { text: string; number: bigint }[] {
  return [...version.matchAll(/(?<text>[^0-9]*)(?<number>[0-9]*)/g)].map(({ groups }) => ({
    text: groups?.["text"] ?? "",
    number: BigInt(groups?.["number"] || "0"),
  }));
}

/** Letters before all else, `~` before the end. */
function byLetters(one: string, other: string): number {
  const weight = (text: string, at: number): number => {
    const letter = text[at];
    if (letter === undefined) return 0;
    if (letter === "~") return -1;
    return letter.charCodeAt(0) + (/[A-Za-z]/.test(letter) ? 0 : 256);
  };
  for (let at = 0; at < Math.max(one.length, other.length); at++) {
    const order = weight(one, at) - weight(other, at);
    if (order !== 0) return order;
  }
  return 0;
}

/** rpm: `EPOCH:VERSION-RELEASE`; a number is newer than a word, `~` sorts before the end and `^` right after it. Spec: rpm-version(7). */
export function compareRpm(one: string, other: string): number {
  const [a, b] = [rpmParts(one), rpmParts(other)];
  return (
    compare(BigInt(a.epoch), BigInt(b.epoch)) || bySegments(a.version, b.version) || bySegments(a.release, b.release)
  );
}

function rpmParts(text: string): { epoch: string; version: string; release: string } {
  const groups = /^(?:(?<epoch>[0-9]+):)?(?<version>[^-]*)(?:-(?<release>.*))?$/s.exec(text)?.groups ?? {};
  return { epoch: groups["epoch"] ?? "0", version: groups["version"] ?? "", release: groups["release"] ?? "" };
}

function bySegments(one: string, other: string): number {
  const [ones, others] = [segmentsOf(one), segmentsOf(other)];
  for (let at = 0; at < Math.max(ones.length, others.length); at++) {
    const [a, b] = [ones[at], others[at]];
    const order = compare(segmentRank(a), segmentRank(b)) || withinRank(a ?? "", b ?? "");
    if (order !== 0) return order;
  }
  return 0;
}

function segmentsOf(text: string): readonly string[] {
  return text.match(/[0-9]+|[A-Za-z]+|[~^]/g) ?? [];
}

function segmentRank(segment: string | undefined): number {
  if (segment === undefined) return 1;
  if (segment === "~") return 0;
  if (segment === "^") return 2;
  return /^[0-9]/.test(segment) ? 4 : 3;
}

function withinRank(one: string, other: string): number {
  return /^[0-9]/.test(one) && /^[0-9]/.test(other) ? compare(BigInt(one), BigInt(other)) : compare(one, other);
}

/** pip. What isn't a version is older than whatever is. Spec: PEP 440. */
export function comparePython(one: string, other: string): number {
  const [a, b] = [pythonParts(one), pythonParts(other)];
  if (a === undefined || b === undefined) return Number(a !== undefined) - Number(b !== undefined);
  return (
    compare(a.epoch, b.epoch) ||
    byItems(a.numbers, b.numbers) ||
    byItems(beforeRelease(a), beforeRelease(b)) ||
    compare(a.post ?? -1n, b.post ?? -1n) ||
    byItems(a.dev === undefined ? [1n] : [0n, a.dev], b.dev === undefined ? [1n] : [0n, b.dev]) ||
    byItems(a.local.flatMap(localItem), b.local.flatMap(localItem))
  );
}

/** A development release of the numbers themselves lies before their pre-releases, the release after them. */
function beforeRelease({ pre, post, dev }: PythonParts): (bigint | string)[] {
  if (pre !== undefined) return [1n, pre.word, pre.number];
  return [post === undefined && dev !== undefined ? 0n : 2n];
}

/** A word is before a number there, not after it as in a pre-release of npm's. */
function localItem(item: bigint | string): (bigint | string)[] {
  return typeof item === "bigint" ? [1n, item] : [0n, item];
}

/** npm and Helm, who read `v1.2` as `1.2.0`. Spec: semver.org, 11. */
export function compareSemver(one: string, other: string): number {
  const [a, b] = [semverParts(one), semverParts(other)];
  const isRelease = compare(Number(a.pre.length === 0), Number(b.pre.length === 0));
  return byItems(a.numbers, b.numbers) || isRelease || byItems(a.pre, b.pre);
}

function semverParts(version: string): { numbers: (bigint | string)[]; pre: (bigint | string)[] } {
  const bare = version.replace(/^[v=\s]+/, "").replace(/\+.*$/s, "");
  const [numbers = "", ...pre] = bare.split("-");
  const items = (text: string) => text.split(".").map((item) => (/^[0-9]+$/.test(item) ? BigInt(item) : item));
  const trimmed = items(numbers);
  while (trimmed.length > 1 && trimmed.at(-1) === 0n) trimmed.pop();
  return { numbers: trimmed, pre: pre.length === 0 ? [] : items(pre.join("-")) };
}

/** A number is before a word, and a list that ends before one that goes on. */
function byItems(ones: readonly (bigint | string)[], others: readonly (bigint | string)[]): number {
  for (let at = 0; at < Math.min(ones.length, others.length); at++) {
    const [a, b] = [ones[at] as bigint | string, others[at] as bigint | string];
    const order = typeof a === typeof b ? compare(a, b) : typeof a === "bigint" ? -1 : 1;
    if (order !== 0) return order;
  }
  return compare(ones.length, others.length);
}

function compare<T extends bigint | number | string>(one: T, other: T): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
