// poetry.lock: packages with their files and dependencies. What the project itself wants stands in pyproject.toml; without
// it, what no other package uses counts as wanted.

import { parse as parseToml } from "smol-toml";
import { z } from "zod";

import { type LockedPackage, type LockReader, parseLock, reach } from "./lock.ts";
import { byName, hashesOf, nameSchema, normalName, purlsOf, pypiPurl, versionSchema, wantedBy } from "./python.ts";

const file = z.looseObject({ file: z.string(), hash: z.string() });

const entrySchema = z.looseObject({
  name: nameSchema,
  version: versionSchema,
  files: z.array(file).default([]),
  dependencies: z.record(z.string(), z.unknown()).default({}),
  source: z.looseObject({ type: z.string().optional(), url: z.string().optional() }).optional(),
});

const lockSchema = z.looseObject({
  package: z.array(entrySchema).default([]),
  // Before Poetry 1.3 files stood here.
  metadata: z.looseObject({ files: z.record(z.string(), z.array(file)).optional() }).optional(),
});

export const poetryLock: LockReader = {
  names: ["poetry.lock"],
  ecosystem: "pypi",
  read(text, { where, beside }) {
    const hint = "write the lock file anew: poetry lock";
    const lock = parseLock(text, { where, parse: parseToml, schema: lockSchema, hint });
    const named = lock.package.map((entry) => ({ ...entry, purl: purlOf(entry) }));
    const all = byName(named);
    const uses = new Map(
      named.map(({ purl, dependencies }) => [purl, purlsOf(Object.keys(dependencies).map(normalName), all)]),
    );
    const used = new Set([...uses.values()].flat());
    const wanted = wantedBy(beside("pyproject.toml"), `pyproject.toml beside ${where}`);
    const from = (names: readonly string[]) => reach(purlsOf(names, all), (purl) => uses.get(purl) ?? []);
    const required = from(
      wanted?.required ?? named.filter(({ purl }) => !used.has(purl)).map(({ name }) => normalName(name)),
    );
    const optional = from(wanted?.optional ?? []);
    const starts =
      wanted === undefined ? [] : purlsOf([...wanted.required, ...wanted.optional, ...wanted.development], all);
    return {
      uses: wanted === undefined ? [...uses.keys()].filter((purl) => !used.has(purl)).toSorted() : starts,
      packages: named.map((entry): LockedPackage => {
        const { purl, name, version } = entry;
        const files = entry.files.length > 0 ? entry.files : (lock.metadata?.files?.[name] ?? []);
        return {
          purl,
          name: normalName(name),
          version,
          scope: required.has(purl) ? "required" : optional.has(purl) ? "optional" : "excluded",
          files: files.flatMap((one) => {
            const hashes = hashesOf(one.hash);
            return hashes === undefined ? [] : [{ name: one.file, hashes }];
          }),
          uses: uses.get(purl) ?? [],
        };
      }),
    };
  },
};

function purlOf({ name, version, source }: z.infer<typeof entrySchema>): string {
  const git = source?.type === "git" ? source.url?.replace(/^([a-z+]+:\/\/)[^/@]*@/, "$1") : undefined;
  return pypiPurl(name, version, git === undefined ? undefined : { vcs_url: `git+${git}` });
}
