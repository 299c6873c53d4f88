// Versions of npm packages and of Helm charts: semantic versions. Both sort as semver.org has it, so post releases and revisions,
// which come after the `+`, have no order there; npm drops what follows it when it publishes, Helm keeps it.

import semver from "semver";

import { type Version, writeVersion } from "./model.ts";
import { startWriting, type Writing, type WriteOptions } from "./writing.ts";

/** True for a semantic version in its one canonical spelling: `1.2.3`, `1.2.0-rc.1`, never `v1.2.3`. */
export function isSemantic(version: string): boolean {
  const parsed = semver.parse(version);
  return (
    parsed !== null &&
    version === [parsed.version, ...(parsed.build.length > 0 ? [parsed.build.join(".")] : [])].join("+")
  );
}

/** The version in a package.json. Throws NAME_INVALID, VERSION_UNMAPPABLE. */
export function npmVersion(version: string, options?: WriteOptions): string {
  const writing = startWriting(version, "npm", options);
  const core = semanticCore(writing);
  const { post, revision, build } = core;
  const after = post !== undefined || revision !== undefined || build.length > 0;
  writing.loses(after, "one without `+`: npm drops what follows it");
  return checked(writing, { ...core, post: undefined, revision: undefined, build: [] });
}

/** The version of a Helm chart. Throws NAME_INVALID, VERSION_UNMAPPABLE. */
export function chartVersion(version: string, options?: WriteOptions): string {
  const writing = startWriting(version, "Helm", options);
  const core = semanticCore(writing);
  writing.loses(core.post !== undefined, "one without a post release, which wouldn't sort after its release there");
  writing.loses(core.revision !== undefined, "one without a revision, which wouldn't sort after its release there");
  return checked(writing, core);
}

/** With three numbers and no epoch. */
function semanticCore({ version, loses, lacks }: Writing): Version {
  const { epoch, numbers } = version;
  const want = "MAJOR.MINOR.PATCH, as in 1.2.3 or 1.2.0-rc.1";
  lacks(numbers.length > 3, want);
  loses(numbers.length < 3, want);
  loses(epoch !== 0, "one without an epoch");
  return { ...version, epoch: 0, numbers: [0, 1, 2].map((at) => numbers[at] ?? 0) };
}

/** By npm's own parser, so that this can't differ from npm. */
function checked({ lacks }: Writing, version: Version): string {
  const text = writeVersion(version);
  lacks(!isSemantic(text), "a semantic version");
  return text;
}
