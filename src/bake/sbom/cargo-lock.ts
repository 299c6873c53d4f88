// Cargo.lock: crates with their checksums and dependencies. A package without a source is one of this repository. Which
// crates are for development alone doesn't stand there: all count as required.

import { PackageURL } from "packageurl-js";
import { parse as parseToml } from "smol-toml";
import { z } from "zod";

import { byText, type LockedPackage, type LockReader, parseLock } from "./lock.ts";

const entrySchema = z.looseObject({
  name: z.string().regex(/^[A-Za-z0-9_-]+$/, "the name of a crate"),
  version: z.string().regex(/^[0-9A-Za-z.+-]+$/, "a version"),
  source: z.string().optional(),
  checksum: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
  dependencies: z.array(z.string()).default([]),
});

const lockSchema = z.looseObject({ package: z.array(entrySchema).default([]) });

type Entry = z.infer<typeof entrySchema>;

export const cargoLock: LockReader = {
  names: ["Cargo.lock"],
  ecosystem: "cargo",
  read(text, { where }) {
    const hint = "write the lock file anew: cargo generate-lockfile";
    const { package: entries } = parseLock(text, { where, parse: parseToml, schema: lockSchema, hint });
    const locked = entries.filter(({ source }) => source !== undefined);
    const own = entries.filter(({ source }) => source === undefined);
    const uses = (entry: Entry): string[] =>
      [...new Set(entry.dependencies.flatMap((text) => targets(text, locked).map(purlOf)))].toSorted(byText);
    return {
      uses: [...new Set(own.flatMap(uses))].toSorted(byText),
      packages: locked.map((entry): LockedPackage => {
        const { name, version, checksum } = entry;
        const files =
          checksum === undefined ? [] : [{ name: `${name}-${version}.crate`, hashes: { sha256: checksum } }];
        return { purl: purlOf(entry), name, version, scope: "required", files, uses: uses(entry) };
      }),
    };
  },
};

/** `serde`, or `serde 1.0.0` where there are several, or `serde 1.0.0 (source)` where even these are. */
function targets(text: string, locked: readonly Entry[]): Entry[] {
  const [name, version, source] = text.split(" ");
  return locked.filter(
    (entry) =>
      entry.name === name &&
      (version === undefined || entry.version === version) &&
      (source === undefined || `(${entry.source})` === source),
  );
}

function purlOf({ name, version, source = "" }: Entry): string {
  const git = /^git\+([^#]+)/.exec(source)?.[1]?.replace(/^([a-z+]+:\/\/)[^/@]*@/, "$1");
  const qualifiers = git === undefined ? undefined : { vcs_url: `git+${git}` };
  return new PackageURL("cargo", undefined, name, version, qualifiers, undefined).toString();
}
