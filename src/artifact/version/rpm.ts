// Versions of rpm packages: epoch, version and release apart, the pre-release after a `~`, which rpm sorts before nothing. rpm skips
// what isn't a letter or a digit, splits `rc1` like `rc.1`, and sorts numbers after words: so only words and numbers in turn keep
// their order, and a development release, whose 0 would sort after words, gets a second `~` instead. Spec: rpm-version(7).

import { isNumeric, preReleaseOf } from "./model.ts";
import { startWriting, type WriteOptions, type Writing } from "./writing.ts";

export interface RpmVersion {
  /** 0: none. */
  readonly epoch: number;
  readonly version: string;
  /** 1 where the version has no revision. */
  readonly release: string;
}

/** The fields of an .rpm; `1.2.0-rc.1` is version `1.2.0~rc.1`, release 1. Throws NAME_INVALID, VERSION_UNMAPPABLE. */
export function rpmFields(version: string, options?: WriteOptions): RpmVersion {
  const writing = startWriting(version, "rpm", options);
  const { epoch, numbers, revision, post } = writing.version;
  writing.loses(revision === 1, "no revision, or one from 2 on: the first packaging is release 1 there");
  const after = [...(post === undefined ? [] : ["post", String(post)]), ...metadata(writing)];
  const text = [numbers.join("."), preRelease(writing), after.length === 0 ? "" : `+${after.join(".")}`].join("");
  return { epoch, version: text.replaceAll("-", "."), release: String(revision ?? 1) };
}

/** The `Version` of an .rpm, without epoch and release. Throws NAME_INVALID, VERSION_UNMAPPABLE. */
export function rpmVersion(version: string, options?: WriteOptions): string {
  return rpmFields(version, options).version;
}

function preRelease({ version: { pre, dev }, loses }: Writing): string {
  if (pre.length === 0 && dev !== undefined) return `~~${preReleaseOf({ pre, dev }).slice(1).join(".")}`;
  const [word, number] = pre;
  const inTurn = word === undefined || (/^[A-Za-z]+$/.test(word) && (number === undefined || isNumeric(number)));
  const want = "a pre-release of one word and one number, as in 1.2.0-rc.1";
  loses(!inTurn || pre.length > 2 || (pre.length === 1 && dev !== undefined), want);
  return pre.length === 0 ? "" : `~${preReleaseOf({ pre, dev }).join(".")}`;
}

/** A number would count as one of the version's own. */
function metadata({ version: { build }, loses }: Writing): readonly string[] {
  if (build.length === 0) return build;
  const isUnclear = build.some((it) => it.includes("-") || /^0[0-9]+$/.test(it)) || !/^[A-Za-z]/.test(build[0] ?? "");
  loses(isUnclear, "its metadata to begin with a letter, without `-` and without zeros before a number");
  return build;
}
