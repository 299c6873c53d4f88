// Versions of Python packages, in their normal form: `[EPOCH!]NUMBERS[{a|b|rc}N][.postN][.devN][+LOCAL]`. A development release after
// rc.1 is one before rc2. Marks, revision and metadata are the local part, which sorts after the same without one, numbers by value.
// Spec: PEP 440.

import { isMark, isNumeric, preReleaseOf } from "./model.ts";
import { startWriting, type WriteOptions, type Writing } from "./writing.ts";

const shortWords: Readonly<Record<string, string>> = { alpha: "a", beta: "b", rc: "rc" };

/** The version of a wheel or sdist; `1.2.0-rc.1` is `1.2.0rc1`. Throws NAME_INVALID, VERSION_UNMAPPABLE. */
export function pythonVersion(version: string, options?: WriteOptions): string {
  const writing = startWriting(version, "Python", options);
  const { epoch, numbers, post, dev } = writing.version;
  const { before, local } = preRelease(writing);
  // What would be a development release of the post release sorts after the release.
  const isBoth = writing.loses(post !== undefined && dev !== undefined, "a post release or a development release");
  const text = [
    epoch === 0 ? "" : `${epoch}!`,
    numbers.join("."),
    before,
    post === undefined || isBoth ? "" : `.post${post}`,
  ].join("");
  const after = localPart(writing, [...local, ...(isBoth ? ["post", String(post)] : [])]);
  return after.length === 0 ? text : `${text}+${after.join(".")}`;
}

/** What stands for the pre-release, and what of it belongs into the local part. */
function preRelease({ version: { pre, dev }, loses }: Writing): { before: string; local: readonly string[] } {
  const [word = "", number = ""] = pre;
  const short = Object.hasOwn(shortWords, word) ? shortWords[word] : undefined;
  const end = dev === undefined ? "" : `.dev${dev.number}`;
  const marks = dev?.marks ?? [];
  if (pre.length === 0) return { before: end, local: marks };
  if (short !== undefined && pre.length === 2 && isNumeric(number)) {
    return { before: `${short}${Number(number) + (dev === undefined ? 0 : 1)}${end}`, local: marks };
  }
  loses(true, "a pre-release such as alpha.1, beta.1, rc.1 or, below those, 0.dev.1");
  if (dev === undefined) {
    const joined = /^(alpha|beta|rc|dev)\.?([0-9]*)$/.exec(pre.join("."));
    if (joined !== null && (joined[2] ?? "").length < 10) {
      const [, name = "", count] = joined;
      return { before: `${shortWords[name] ?? `.${name}`}${Number(count)}`, local: [] };
    }
  }
  return { before: ".dev0", local: preReleaseOf({ pre, dev }) };
}

/** Letters of the local part are small, and its numbers have one spelling. */
function localPart({ version: { dev, revision, build }, loses }: Writing, before: readonly string[]): string[] {
  const after = [...(revision === undefined ? [] : ["rev", String(revision)]), ...build];
  const isMixed = after.length > 0 && (before.length > 0 || (dev !== undefined && isMark.test(after[0] ?? "")));
  loses(isMixed, "either the marks of a development release or metadata");
  loses(
    after.some((it) => !/^(?:0|[1-9][0-9]*|[0-9]*[a-z][a-z0-9]*)$/.test(it)),
    "metadata of small letters and of numbers without zeros before them",
  );
  return [...before, ...after]
    .map((it) =>
      it
        .toLowerCase()
        .replaceAll(/-+/g, ".")
        .replaceAll(/^\.|\.$/g, ""),
    )
    .filter((it) => it !== "");
}
