// Versions of Debian packages: `[EPOCH:]UPSTREAM[-REVISION]`, the pre-release after a `~`, which dpkg sorts before nothing.
// dpkg compares runs of digits by value and the text between them with letters before all else, so `preview.1` would sort before
// `pre.1`, and `rc10` after `rc9`, against semver.org. Hence the words: of those that others may follow none begins another.
// Spec: deb-version(7).

import { isNumeric, preReleaseOf, type Version } from "./model.ts";
import { startWriting, type WriteOptions } from "./writing.ts";

/** None is the beginning of another. */
const words = new Set(
  "alpha beta canary dev dirty edge experimental insiders milestone nightly pre rc snapshot test unstable"
    .split(" ")
    .flatMap((word) => [word, word.toUpperCase()]),
);

/** The version of a .deb; `1.2.0-rc.1` is `1.2.0~rc.1`. Throws NAME_INVALID, VERSION_UNMAPPABLE. */
export function debVersion(version: string, options?: WriteOptions): string {
  const { version: parsed, loses } = startWriting(version, "Debian", options);
  const { epoch, numbers, revision, post, build } = parsed;
  const pre = preReleaseOf(parsed);
  const asked = "its pre-release as words and numbers with dots between them, as in 1.2.0-rc.1";
  loses(
    parsed.pre.some((it) => !isNumeric(it) && !/^[A-Za-z]+$/.test(it)),
    asked,
  );
  const strange = strangeWord(parsed);
  const known = [...words].filter((word) => word === word.toLowerCase()).join(", ");
  loses(strange !== undefined, `a pre-release with the words ${known}: others may sort otherwise`);
  loses(build.some(isAmbiguous), "its metadata without `-` and without zeros before a number");
  const after = [...(post === undefined ? [] : ["post", String(post)]), ...build];
  const upstream = [
    numbers.join("."),
    pre.length === 0 ? "" : `~${pre.join(".")}`,
    after.length === 0 ? "" : `+${after.join(".")}`,
  ];
  return [
    epoch === 0 ? "" : `${epoch}:`,
    // A hyphen would be taken for the one before the revision.
    upstream.join("").replaceAll("-", "."),
    revision === undefined ? "" : `-${revision}`,
  ].join("");
}

/** A word that could sort otherwise than by its letters. Where nothing follows one, only the words that begin it matter. */
function strangeWord({ pre, dev, post, build }: Version): string | undefined {
  const last = dev === undefined && post === undefined && build.length === 0 ? pre.length - 1 : pre.length;
  return pre.find((word, at) => {
    if (isNumeric(word) || words.has(word)) return false;
    return at !== last || [...words].some((known) => word.startsWith(known));
  });
}

/** dpkg takes 07 and 7 for the same number. */
function isAmbiguous(identifier: string): boolean {
  return identifier.includes("-") || /^0[0-9]+$/.test(identifier);
}
