// A version as a package format writes it. A mapping changes nothing of what the version says, and two versions never become
// one; what has no such form is refused. Semantic versions sort alike everywhere as long as each pre-release identifier is a
// word or a number (`rc.1`): where letters and digits are mixed, npm compares text (rc10 < rc9) and dpkg numbers (rc9 < rc10).

import semver from "semver";

import { KilnError } from "../errors.ts";
import { checkName } from "./name.ts";

/** True for a semantic version in its one canonical spelling: `1.2.3`, `1.2.0-rc.1`, never `v1.2.3`. */
export function isSemantic(version: string): boolean {
  const parsed = semver.parse(version);
  return (
    parsed !== null &&
    version === [parsed.version, ...(parsed.build.length > 0 ? [parsed.build.join(".")] : [])].join("+")
  );
}

/** The version in a package.json. Throws NAME_INVALID, VERSION_UNMAPPABLE. */
export function npmVersion(version: string): string {
  checkName("version", version);
  if (!isSemantic(version)) throw unmappable(version, "npm", "MAJOR.MINOR.PATCH, as in 1.2.3 or 1.2.0-rc.1");
  // npm drops it when it publishes, and so 1.2.3+a and 1.2.3+b would be one.
  if (version.includes("+")) throw unmappable(version, "npm", "a version without `+`");
  return version;
}

/**
 * The version of a .deb, without a Debian revision: `1.2.0-rc.1` is `1.2.0~rc.1`, which dpkg sorts before `1.2.0`.
 * Throws NAME_INVALID, VERSION_UNMAPPABLE.
 */
export function debVersion(version: string): string {
  checkName("version", version);
  const mapped = isSemantic(version) ? withTilde(version) : version;
  if (mapped === version && version.includes("~") && isSemantic(version.replace("~", "-"))) {
    throw unmappable(version, "Debian", `${version.replace("~", "-")}, which is written ${version} there`);
  }
  if (mapped.includes("-")) throw unmappable(version, "Debian", "no `-` but the one before a pre-release");
  if (!/^[0-9][0-9A-Za-z.+~]*$/.test(mapped)) {
    throw unmappable(version, "Debian", "a digit, then letters, digits and . + ~");
  }
  return mapped;
}

/** The hyphen before the pre-release, if there is one, and not one of the build's. */
function withTilde(version: string): string {
  return version.replace(/^(\d+\.\d+\.\d+)-/, "$1~");
}

function unmappable(version: string, format: string, want: string): KilnError {
  return new KilnError("VERSION_UNMAPPABLE", `version for ${format}: got ${version}, want ${want}`, {
    hint: "use a semantic version for this release, such as 1.2.3 or 1.2.0-rc.1",
    details: { version, format },
  });
}

const pythonPhases: Readonly<Record<string, string>> = { alpha: "a", beta: "b", rc: "rc" };

/** The version of a wheel (PEP 440): `1.2.0-rc.1` is `1.2.0rc1`. Throws NAME_INVALID, VERSION_UNMAPPABLE. */
export function pythonVersion(version: string): string {
  checkName("version", version);
  const mapped = version.replace(
    /^(\d+\.\d+\.\d+)-(alpha|beta|rc)\.(\d+)$/,
    (_, release: string, phase: string, number: string) => `${release}${pythonPhases[phase]}${number}`,
  );
  if (
    !/^(?:\d+!)?\d+(?:\.\d+)*(?:(?:a|b|rc)\d+)?(?:\.post\d+)?(?:\.dev\d+)?(?:\+[a-z0-9]+(?:\.[a-z0-9]+)*)?$/.test(
      mapped,
    )
  ) {
    throw unmappable(version, "Python", "as in 1.2.3, 1.2.0-rc.1 or 1.2.0.dev1");
  }
  return mapped;
}
