// uv.lock: packages with their files, their dependencies, and the project itself (or the members of its workspace) as packages
// whose source is a folder.

import { parse as parseToml } from "smol-toml";
import { z } from "zod";

import { byText, type Lock, type LockedPackage, type LockReader, parseLock, reach } from "./lock.ts";
import { fileNameOf, hashesOf, nameSchema, normalName, pypiPurl, versionSchema } from "./python.ts";

const dependency = z.looseObject({ name: nameSchema, version: z.string().optional(), source: z.unknown().optional() });
const file = z.looseObject({ url: z.string().optional(), path: z.string().optional(), hash: z.string().optional() });
const dependencies = z.array(dependency).default([]);
const byGroup = z.record(z.string(), z.array(dependency)).default({});

const entrySchema = z.looseObject({
  name: nameSchema,
  version: versionSchema.optional(),
  source: z.looseObject({ git: z.string().optional(), url: z.string().optional() }),
  dependencies,
  "optional-dependencies": byGroup,
  "dev-dependencies": byGroup,
  sdist: file.optional(),
  wheels: z.array(file).default([]),
});

const lockSchema = z.looseObject({ version: z.literal(1), package: z.array(entrySchema).default([]) });

type Entry = z.infer<typeof entrySchema>;
type Dependency = z.infer<typeof dependency>;

export const uvLock: LockReader = {
  names: ["uv.lock"],
  ecosystem: "pypi",
  read(text, { where }) {
    const hint = "write the lock file anew: uv lock";
    const { package: entries } = parseLock(text, { where, parse: parseToml, schema: lockSchema, hint });
    const own = entries.filter(isOwn);
    const locked = entries.filter((entry) => !isOwn(entry));
    return lockOf(own, locked);
  },
};

/** A folder of this repository: the project, or a member of its workspace. */
function isOwn({ source }: Entry): boolean {
  return ["virtual", "editable", "directory"].some((key) => key in source);
}

function lockOf(own: readonly Entry[], locked: readonly Entry[]): Lock {
  const all = [...own, ...locked];
  const ownNames = new Set(own.map(({ name }) => normalName(name)));
  const purls = (wanted: readonly Dependency[]): string[] =>
    [...new Set(wanted.flatMap((one) => targets(one, locked).map(purlOf)))].toSorted(byText);
  const uses = new Map(locked.map((entry) => [purlOf(entry), purls([...entry.dependencies, ...extras(entry, all)])]));
  const from = (pick: (entry: Entry) => readonly Dependency[]): Set<string> =>
    reach(purls(own.flatMap(pick)), (purl) => uses.get(purl) ?? []);
  const required = from((entry) => entry.dependencies);
  const optional = from((entry) => Object.values(entry["optional-dependencies"]).flat());
  const wanted = own.flatMap((entry) => [
    ...entry.dependencies,
    ...Object.values(entry["optional-dependencies"]).flat(),
    ...Object.values(entry["dev-dependencies"]).flat(),
  ]);
  return {
    uses: purls(wanted.filter(({ name }) => !ownNames.has(normalName(name)))),
    packages: locked.map((entry): LockedPackage => {
      const purl = purlOf(entry);
      const scope = required.has(purl) ? "required" : optional.has(purl) ? "optional" : "excluded";
      return {
        purl,
        name: normalName(entry.name),
        version: entry.version ?? "0",
        scope,
        files: filesOf(entry),
        uses: uses.get(purl) ?? [],
      };
    }),
  };
}

/** A dependency names the version where there are several. */
function targets({ name, version }: Dependency, locked: readonly Entry[]): Entry[] {
  return locked.filter(
    (entry) => normalName(entry.name) === normalName(name) && (version === undefined || entry.version === version),
  );
}

/** What the extras of a package bring that anybody asks for: `requests[socks]`. */
function extras(entry: Entry, all: readonly Entry[]): Dependency[] {
  const asked = all
    .flatMap((one) => [
      one.dependencies,
      ...Object.values(one["optional-dependencies"]),
      ...Object.values(one["dev-dependencies"]),
    ])
    .flat()
    .filter(({ name }) => normalName(name) === normalName(entry.name))
    .flatMap((one) => z.array(z.string()).catch([]).parse(one["extra"]));
  return [...new Set(asked)].flatMap((extra) => entry["optional-dependencies"][extra] ?? []);
}

function purlOf({ name, version, source }: Entry): string {
  const git = source.git?.replace(/^([a-z+]+:\/\/)[^/@]*@/, "$1");
  return pypiPurl(name, version ?? "0", git === undefined ? undefined : { vcs_url: `git+${git}` });
}

function filesOf({ sdist, wheels }: Entry): LockedPackage["files"] {
  return [...wheels, ...(sdist === undefined ? [] : [sdist])].flatMap(({ url, path, hash }) => {
    const hashes = hashesOf(hash);
    return hashes === undefined ? [] : [{ name: fileNameOf(url ?? path), hashes }];
  });
}
