// Versions as other formats write them, read into Kiln's own writing. What has no counterpart there is undefined: guessing
// would give the release a version that its author didn't mean.

import { isMark, parseVersion, writeVersion } from "./model.ts";

const letters: Readonly<Record<string, string>> = {
  a: "alpha",
  alpha: "alpha",
  b: "beta",
  beta: "beta",
  c: "rc",
  rc: "rc",
  pre: "rc",
  preview: "rc",
};

const pythonShape =
  /^v?(?:(\d+)!)?(\d+(?:\.\d+)*)(?:[-_.]?(alpha|a|beta|b|preview|pre|c|rc)[-_.]?(\d*))?(?:-(\d+)|[-_.]?(post|rev|r)[-_.]?(\d*))?(?:[-_.]?(dev)[-_.]?(\d*))?(?:\+([a-z0-9]+(?:[-_.][a-z0-9]+)*))?$/;

/** A version by PEP 440, in any of its spellings: `1.2.0rc1` is `1.2.0-rc.1`. */
export function readPython(text: string): string | undefined {
  const [, epoch, numbers, letter, count, implicit, post, postCount, dev, devCount, local] =
    pythonShape.exec(text.trim().toLowerCase()) ?? [];
  if (numbers === undefined) return undefined;
  const number = Number(count ?? 0);
  // What comes before 1.0a0 or before a post release has no place in Kiln's order.
  if (dev !== undefined && (implicit !== undefined || post !== undefined || (letter !== undefined && number === 0))) {
    return undefined;
  }
  const locals = local?.split(/[-_.]/) ?? [];
  const marks = dev !== undefined && locals.every((it) => isMark.test(it)) ? locals : [];
  // A mark that something else follows has no place either.
  if (dev !== undefined && marks.length === 0 && isMark.test(locals[0] ?? "")) return undefined;
  const pre = letter === undefined ? [] : [letters[letter] ?? letter, String(number - (dev === undefined ? 0 : 1))];
  const after = [
    ...(implicit === undefined && post === undefined ? [] : ["post", String(Number(implicit ?? postCount ?? 0))]),
    ...(marks.length === 0 ? locals : []),
  ];
  return spelled([
    Number(epoch ?? 0) === 0 ? "" : `${Number(epoch)}!`,
    numbers.split(".").map(Number).join("."),
    dashed([...pre, ...(dev === undefined ? [] : ["0", "dev", String(Number(devCount ?? 0)), ...marks])]),
    after.length === 0 ? "" : `+${after.join(".")}`,
  ]);
}

/** A version of a Debian package: `1:1.2.0~rc1-2` is `1!1.2.0-rc.1+rev.2`. */
export function readDebian(text: string): string | undefined {
  const [, epoch, numbers, pre, after, revision] =
    /^(?:(\d+):)?(\d[0-9.]*)(?:~([A-Za-z0-9.]+))?(?:\+([A-Za-z0-9.]+))?(?:-(\d+))?$/.exec(text) ?? [];
  if (numbers === undefined) return undefined;
  const identifiers = pre?.replace(/^([A-Za-z]+)(\d+)$/, "$1.$2");
  const [, post, build] = /^(post\.\d+)?\.?(.*)$/.exec(after ?? "") ?? [];
  const metadata = [post, revision === undefined ? undefined : `rev.${Number(revision)}`, build].filter(Boolean);
  return spelled([
    Number(epoch ?? 0) === 0 ? "" : `${Number(epoch)}!`,
    numbers,
    identifiers === undefined ? "" : `-${identifiers}`,
    metadata.length === 0 ? "" : `+${metadata.join(".")}`,
  ]);
}

function dashed(identifiers: readonly string[]): string {
  return identifiers.length === 0 ? "" : `-${identifiers.join(".")}`;
}

function spelled(parts: readonly string[]): string | undefined {
  const version = parseVersion(parts.join(""));
  return version === undefined ? undefined : writeVersion(version);
}
