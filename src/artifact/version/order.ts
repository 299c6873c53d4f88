// The order of versions: by epoch, numbers, pre-release (as semver.org has it), post release, revision. Metadata and the marks of
// a commit or tree have no order. Every format that a version is written in sorts as this does, wherever this decides.

import { isNumeric, preReleaseOf, type Version } from "./model.ts";

/** -1, 0 or 1, for sorting. 0: the same, or of no order. Where one has more numbers, those that the other lacks count as 0. */
export function compareVersions(one: Version, other: Version): number {
  const byNumbers = compare(one.epoch, other.epoch) || compareNumbers(one.numbers, other.numbers);
  if (byNumbers !== 0) return byNumbers;
  const ended = one.dev?.marks.length || other.dev?.marks.length;
  const before = comparePre(orderedPre(one), orderedPre(other));
  if (before.order !== 0) return before.isPrefix && ended ? 0 : before.order;
  if (ended || one.build.length > 0 || other.build.length > 0) return 0;
  return compare(one.post ?? -1, other.post ?? -1) || compare(one.revision ?? 0, other.revision ?? 0);
}

function orderedPre({ pre, dev }: Version): string[] {
  return preReleaseOf({ pre, dev: dev === undefined ? undefined : { ...dev, marks: [] } });
}

function compareNumbers(ones: readonly number[], others: readonly number[]): number {
  for (let at = 0; at < Math.max(ones.length, others.length); at++) {
    const order = compare(ones[at] ?? 0, others[at] ?? 0);
    if (order !== 0) return order;
  }
  return 0;
}

/** `isPrefix`: what decides is only that one of them ends, while both are pre-releases. */
function comparePre(ones: readonly string[], others: readonly string[]): { order: number; isPrefix: boolean } {
  // A version with a pre-release is below the one without.
  if (ones.length === 0 || others.length === 0) {
    return { order: Math.sign(others.length - ones.length), isPrefix: false };
  }
  const at = ones.findIndex((it, place) => it !== others[place]);
  const [one, other] = at < 0 ? [undefined, others[ones.length]] : [ones[at], others[at]];
  if (one === undefined || other === undefined) return { order: compare(ones.length, others.length), isPrefix: true };
  const [oneIs, otherIs] = [isNumeric(one), isNumeric(other)];
  if (oneIs && otherIs) return { order: compare(Number(one), Number(other)), isPrefix: false };
  return { order: oneIs ? -1 : otherIs ? 1 : compare(one, other), isPrefix: false };
}

function compare<T extends number | string>(one: T, other: T): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
