// pdm.lock: packages with their files, their requirements and the groups that want them. What the project itself wants stands
// in pyproject.toml; without it, what no other package uses counts as wanted.

import { parse as parseToml } from "smol-toml";
import { z } from "zod";

import { type LockedPackage, type LockReader, parseLock, reach } from "./lock.ts";
import {
  byName,
  fileNameOf,
  hashesOf,
  nameSchema,
  normalName,
  purlsOf,
  pypiPurl,
  requiredName,
  versionSchema,
  wantedBy,
} from "./python.ts";

const file = z.looseObject({ file: z.string().optional(), url: z.string().optional(), hash: z.string().optional() });

const entrySchema = z.looseObject({
  name: nameSchema,
  version: versionSchema,
  git: z.string().optional(),
  dependencies: z.array(z.string()).default([]),
  files: z.array(file).default([]),
});

const lockSchema = z.looseObject({ package: z.array(entrySchema).default([]) });

export const pdmLock: LockReader = {
  names: ["pdm.lock"],
  ecosystem: "pypi",
  read(text, { where, beside }) {
    const hint = "write the lock file anew: pdm lock";
    const lock = parseLock(text, { where, parse: parseToml, schema: lockSchema, hint });
    // A package stands there once more for each set of its extras.
    const entries = merged(lock.package.map((entry) => ({ ...entry, purl: purlOf(entry) })));
    const all = byName(entries);
    const uses = new Map(
      entries.map(({ purl, dependencies }) => [
        purl,
        purlsOf(
          dependencies.flatMap((one) => requiredName(one) ?? []),
          all,
        ).filter((used) => used !== purl),
      ]),
    );
    const used = new Set([...uses.values()].flat());
    const free = [...uses.keys()].filter((purl) => !used.has(purl)).toSorted();
    const wanted = wantedBy(beside("pyproject.toml"), `pyproject.toml beside ${where}`);
    const from = (starts: readonly string[]) => reach(starts, (purl) => uses.get(purl) ?? []);
    const required = from(wanted === undefined ? free : purlsOf(wanted.required, all));
    const optional = from(purlsOf(wanted?.optional ?? [], all));
    return {
      uses: wanted === undefined ? free : purlsOf([...wanted.required, ...wanted.optional, ...wanted.development], all),
      packages: entries.map(({ purl, name, version, files }): LockedPackage => ({
        purl,
        name: normalName(name),
        version,
        scope: required.has(purl) ? "required" : optional.has(purl) ? "optional" : "excluded",
        files: files.flatMap(({ file: own, url, hash }) => {
          const hashes = hashesOf(hash);
          return hashes === undefined ? [] : [{ name: own ?? fileNameOf(url), hashes }];
        }),
        uses: uses.get(purl) ?? [],
      })),
    };
  },
};

type Entry = z.infer<typeof entrySchema> & { readonly purl: string };

function merged(entries: readonly Entry[]): Entry[] {
  const found = new Map<string, Entry>();
  for (const entry of entries) {
    const before = found.get(entry.purl);
    found.set(
      entry.purl,
      before === undefined ? entry : { ...before, dependencies: [...before.dependencies, ...entry.dependencies] },
    );
  }
  return [...found.values()];
}

function purlOf({ name, version, git }: z.infer<typeof entrySchema>): string {
  const address = git?.replace(/^([a-z+]+:\/\/)[^/@]*@/, "$1");
  return pypiPurl(name, version, address === undefined ? undefined : { vcs_url: `git+${address}` });
}
