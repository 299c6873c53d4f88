// What a package needs and gives, as rpm-md lists it: without what rpm itself needs, and without what the package brings along.

import { z } from "zod";

import { attributes } from "./xml.ts";

export const relationSchema = z.looseObject({
  name: z.string(),
  flags: z.string().optional(),
  version: z.string().optional(),
  pre: z.literal(true).optional(),
});

export type Relation = z.infer<typeof relationSchema>;

/** The elements of relations, in this order, and where a package's record has them. */
export const relationSorts = [
  "provides",
  "requires",
  "conflicts",
  "obsoletes",
  "suggests",
  "enhances",
  "recommends",
  "supplements",
] as const;

export interface Version {
  readonly epoch: string;
  readonly version: string;
  readonly release: string | undefined;
}

/** Takes `epoch:version-release` apart; the epoch is 0 where none is said. */
export function parseVersion(text: string): Version {
  const [, epoch = "0", version = "", release] = /^(?:(\d+):)?([^-]*)(?:-([^]*))?$/.exec(text) ?? [];
  return { epoch, version, release };
}

/** `paths`: of the package's own files. */
export function listedRequires(
  requires: readonly Relation[],
  provides: readonly Relation[],
  paths: ReadonlySet<string>,
): Relation[] {
  const given = new Set(provides.map(bare));
  const seen = new Set<string>();
  const libc = newestLibc(requires);
  return requires.filter((relation) => {
    const { name, pre } = relation;
    const itself = `${bare(relation)} ${String(pre)}`;
    if (name.startsWith("rpmlib(") || given.has(bare(relation)) || seen.has(itself)) return false;
    if (isListedInPrimary(name) && paths.has(name)) return false;
    if (name.startsWith(libcName) && relation !== libc) return false;
    seen.add(itself);
    return true;
  });
}

const bare = ({ name, flags, version }: Relation): string => `${name} ${flags ?? ""} ${version ?? ""}`;

const libcName = "libc.so.6";

/** Of the C library's symbol versions, the newest implies the others. */
function newestLibc(requires: readonly Relation[]): Relation | undefined {
  const all = requires.filter(({ name }) => name.startsWith(libcName));
  return all.toSorted((a, b) => libcVersion(a.name) - libcVersion(b.name)).at(-1);
}

function libcVersion(name: string): number {
  const [, major = "0", minor = "0", patch = "0"] = /GLIBC_(\d+)\.(\d+)(?:\.(\d+))?/.exec(name) ?? [];
  return (Number(major) * 1000 + Number(minor)) * 1000 + Number(patch);
}

/** The files that clients look for without the whole list: programs and configuration. */
export function isListedInPrimary(path: string): boolean {
  return path.startsWith("/etc/") || path.includes("bin/") || path === "/usr/lib/sendmail";
}

export function relationXml({ name, flags, version, pre }: Relation): string {
  const compared =
    flags === undefined || version === undefined || version === ""
      ? {}
      : { flags, ...entryVersion(parseVersion(version)) };
  return `      <rpm:entry${attributes({ name, ...compared, pre: pre === true ? "1" : undefined })}/>\n`;
}

function entryVersion({ epoch, version, release }: Version) {
  return { epoch, ver: version, rel: release };
}
