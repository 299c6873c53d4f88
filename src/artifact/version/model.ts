// What a version says, apart from how a format writes it. Kiln writes one as a semantic version with three liberties: any
// count of numbers, an epoch before them (`1!2.0`), and after the `+` first `post.N`, then `rev.N`, which other metadata follows:
//
//     [EPOCH!]NUMBERS[-PRE][+[post.N][.rev.N][.METADATA]]
//
// A development release ends its pre-release with `0.dev.N`: the number 0 sorts before all words, so it lies below every
// pre-release of its version. One version has one spelling here: `parse` refuses all others.

export interface Version {
  readonly epoch: number;
  /** At least one. */
  readonly numbers: readonly number[];
  /** The pre-release, as dotted identifiers, without what is in `dev`. */
  readonly pre: readonly string[];
  /** `0.dev.N` at the end of the pre-release, and marks of a commit or tree after it, which have no order. */
  readonly dev: { readonly number: number; readonly marks: readonly string[] } | undefined;
  /** A later release of the same numbers. */
  readonly post: number | undefined;
  /** A later packaging of the same release, from 1 on. */
  readonly revision: number | undefined;
  /** Metadata: it tells versions apart, and has no order. */
  readonly build: readonly string[];
}

// 15 digits are exact in every language's numbers.
const number = "(?:0|[1-9][0-9]{0,14})";
const identifier = "[0-9A-Za-z-]+";
const shape = new RegExp(
  `^(?:([1-9][0-9]{0,8})!)?(${number}(?:\\.${number})*)(?:-(${identifier}(?:\\.${identifier})*))?(?:\\+(${identifier}(?:\\.${identifier})*))?$`,
);
const isNumber = new RegExp(`^${number}$`);
/** The mark of a commit or a tree. */
export const isMark = /^(?:dirty|g[0-9a-f]{7,40})$/;

/** The parts of a version in Kiln's own writing; undefined for any other text. */
export function parseVersion(text: string): Version | undefined {
  const [, epoch, numbers, pre, build] = shape.exec(text) ?? [];
  if (numbers === undefined) return undefined;
  const identifiers = split(pre);
  // Two spellings of one number, or a number that isn't exact.
  if (identifiers.some((it) => /^[0-9]+$/.test(it) && !isNumber.test(it))) return undefined;
  const version: Version = {
    epoch: Number(epoch ?? 0),
    numbers: numbers.split(".").map(Number),
    ...splitDevelopment(identifiers),
    ...splitMetadata(split(build)),
  };
  return writeVersion(version) === text ? version : undefined;
}

/** In Kiln's own writing. */
export function writeVersion({ epoch, numbers, pre, dev, post, revision, build }: Version): string {
  const before = preReleaseOf({ pre, dev });
  const after = [
    ...(post === undefined ? [] : ["post", String(post)]),
    ...(revision === undefined ? [] : ["rev", String(revision)]),
    ...build,
  ];
  return [
    epoch === 0 ? "" : `${epoch}!`,
    numbers.join("."),
    before.length === 0 ? "" : `-${before.join(".")}`,
    after.length === 0 ? "" : `+${after.join(".")}`,
  ].join("");
}

/** All identifiers of the pre-release, those of a development release among them. */
export function preReleaseOf({ pre, dev }: Pick<Version, "pre" | "dev">): string[] {
  return [...pre, ...(dev === undefined ? [] : ["0", "dev", String(dev.number), ...dev.marks])];
}

/** Whether an identifier of a pre-release is a number: those sort by value, and before words. */
export function isNumeric(identifier: string): boolean {
  return /^[0-9]+$/.test(identifier);
}

function split(text: string | undefined): string[] {
  return text === undefined ? [] : text.split(".");
}

function splitDevelopment(identifiers: readonly string[]): Pick<Version, "pre" | "dev"> {
  const end = identifiers.findLastIndex((it) => !isMark.test(it));
  const [zero, word, count = ""] = identifiers.slice(Math.max(0, end - 2), end + 1);
  if (end < 2 || zero !== "0" || word !== "dev" || !isNumeric(count)) return { pre: identifiers, dev: undefined };
  return { pre: identifiers.slice(0, end - 2), dev: { number: Number(count), marks: identifiers.slice(end + 1) } };
}

function splitMetadata(identifiers: readonly string[]): Pick<Version, "post" | "revision" | "build"> {
  const [post, afterPost] = taken(identifiers, "post", /^(?:0|[1-9][0-9]{0,8})$/);
  const [revision, build] = taken(afterPost, "rev", /^[1-9][0-9]{0,8}$/);
  return { post, revision, build };
}

function taken(
  identifiers: readonly string[],
  word: string,
  value: RegExp,
): readonly [number | undefined, readonly string[]] {
  const [first, second = "", ...rest] = identifiers;
  return first === word && value.test(second) ? [Number(second), rest] : [undefined, identifiers];
}
