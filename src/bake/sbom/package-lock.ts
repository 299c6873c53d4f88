// The dependency tree that an npm lock file (version 2 or 3) describes: every package once, which packages it uses, and
// whether it is there at run time. Where a name leads is found as Node finds it: in the nearest node_modules upwards.

import { PackageURL } from "packageurl-js";
import { z } from "zod";

import { KilnError } from "../../errors.ts";
import { byText, type Lock, type LockedPackage, type LockReader, parseLock, strength } from "./lock.ts";

const names = z.record(z.string(), z.string()).optional();
const entrySchema = z.looseObject({
  name: z.string().optional(),
  version: z.string().optional(),
  resolved: z.string().optional(),
  integrity: z.string().optional(),
  license: z.unknown().optional(),
  link: z.boolean().optional(),
  dev: z.boolean().optional(),
  devOptional: z.boolean().optional(),
  optional: z.boolean().optional(),
  dependencies: names,
  devDependencies: names,
  optionalDependencies: names,
  peerDependencies: names,
});
const lockSchema = z.looseObject({
  lockfileVersion: z.union([z.literal(2), z.literal(3)]),
  packages: z.record(z.string(), entrySchema),
});

type Entry = z.infer<typeof entrySchema>;
/** By path. A map: paths come from the commit, and "constructor" is one. */
type Entries = ReadonlyMap<string, Entry>;

export const packageLock: LockReader = {
  // npm itself prefers the first.
  names: ["npm-shrinkwrap.json", "package-lock.json"],
  ecosystem: "npm",
  read: (text, { where }) => readNpmLock(text, where),
};

function readNpmLock(text: string, where: string): Lock {
  const hint = "write the lock file anew with npm 7 or newer: npm install --package-lock-only";
  const lock = parseLock(text, { where, parse: JSON.parse, schema: lockSchema, hint });
  const entries: Entries = new Map(Object.entries(lock.packages));
  for (const [path, entry] of entries) checkNames(path, entry, where);
  const merged = new Map<string, LockedPackage>();
  for (const [path, entry] of entries) {
    // Links lead to folders of this repository, which have entries of their own: "packages/a".
    if (path === "" || entry.link === true) continue;
    const found = packageOf(path, entries);
    const before = merged.get(found.purl);
    merged.set(found.purl, before === undefined ? found : merge(before, found));
  }
  return { uses: usesOf("", entries), packages: [...merged.values()].toSorted((a, b) => byText(a.purl, b.purl)) };
}

/** What can be no package has no package URL. */
function checkNames(path: string, entry: Entry, where: string): void {
  if (path === "" || entry.link === true) return;
  const name = nameOf(path, entry);
  const version = entry.version ?? "";
  if (name.isWellFormed() && version.isWellFormed() && /^(?:@[^/@\s]+\/)?[^/@\s][^\s]*(?<!\/)$/.test(name)) return;
  throw new KilnError("ARTIFACT_INVALID", `${where}: got ${JSON.stringify(path)}, want the path of a package`);
}

function packageOf(path: string, entries: Entries): LockedPackage {
  const entry = entries.get(path) ?? {};
  const name = nameOf(path, entry);
  const version = entry.version ?? "0.0.0";
  return {
    purl: purlOf(name, version, entry.resolved),
    name,
    version,
    scope:
      entry.dev === true ? "excluded" : entry.optional === true || entry.devOptional === true ? "optional" : "required",
    license: licenseOf(entry.license),
    files: filesOf(entry.integrity),
    uses: usesOf(path, entries),
  };
}

/** An alias ("foo": "npm:bar@1") says its real name; otherwise it is the path behind the last node_modules. */
function nameOf(path: string, entry: Entry): string {
  return entry.name ?? path.split("node_modules/").at(-1) ?? path;
}

/** What came from elsewhere than a registry says so: the same name and version may be another package. */
function purlOf(name: string, version: string, resolved: string | undefined): string {
  const [first = "", second] = name.split("/");
  const scoped = name.startsWith("@") && second !== undefined;
  const qualifiers = qualifiersOf(resolved);
  return new PackageURL(
    "npm",
    scoped ? first : undefined,
    scoped ? second : name,
    version,
    qualifiers,
    undefined,
  ).toString();
}

function qualifiersOf(resolved: string | undefined): Record<string, string> | undefined {
  if (resolved?.startsWith("git") ?? false) return { vcs_url: withoutCredentials(resolved ?? "") };
  return undefined;
}

function withoutCredentials(url: string): string {
  return url.replace(/^([a-z+]+:\/\/)[^/@]*@/, "$1");
}

function licenseOf(license: unknown): string | undefined {
  if (typeof license === "string") return license;
  const old = z.looseObject({ type: z.string() }).safeParse(license);
  return old.success ? old.data.type : undefined;
}

/** `sha512-BASE64 sha1-BASE64`, as subresource integrity has it. */
function filesOf(integrity: string | undefined): LockedPackage["files"] {
  const found = (integrity ?? "").split(/\s+/).flatMap((text) => {
    const match = /^(sha1|sha256|sha384|sha512)-([A-Za-z0-9+/=]+)/.exec(text);
    return match?.[1] === undefined || match[2] === undefined
      ? []
      : [[match[1], Buffer.from(match[2], "base64").toString("hex")] as const];
  });
  return found.length === 0 ? [] : [{ hashes: Object.fromEntries(found) }];
}

function usesOf(path: string, entries: Entries): string[] {
  const entry = entries.get(path) ?? {};
  const wanted = Object.keys({
    ...entry.dependencies,
    ...entry.optionalDependencies,
    ...entry.peerDependencies,
    // Those of packages aren't installed; those of the project and its workspaces are.
    ...(path.includes("node_modules/") ? {} : entry.devDependencies),
  });
  const found = wanted.flatMap((name) => {
    const at = locate(name, path, entries);
    // Optional and peer dependencies may be absent.
    return at === undefined ? [] : [packagePurl(at, entries)];
  });
  return [...new Set(found)].toSorted(byText);
}

function packagePurl(path: string, entries: Entries): string {
  const entry = entries.get(path) ?? {};
  return purlOf(nameOf(path, entry), entry.version ?? "0.0.0", entry.resolved);
}

function locate(name: string, from: string, entries: Entries): string | undefined {
  for (let folder = from; ; folder = parentOf(folder)) {
    const path = folder === "" ? `node_modules/${name}` : `${folder}/node_modules/${name}`;
    const entry = entries.get(path);
    if (entry !== undefined) return entry.link === true ? linked(entry.resolved ?? "", entries) : path;
    if (folder === "") return undefined;
  }
}

/** Where a link leads: a folder of this repository that has an entry. */
function linked(path: string, entries: Entries): string | undefined {
  const entry = entries.get(path);
  return path === "" || entry === undefined || entry.link === true ? undefined : path;
}

/** The next folder upwards that may hold a node_modules: that of a package, or of the project. */
function parentOf(folder: string): string {
  const cut = folder.lastIndexOf("/node_modules/");
  if (cut >= 0) return folder.slice(0, cut);
  if (folder.startsWith("node_modules/")) return "";
  return folder.includes("/") ? folder.slice(0, folder.lastIndexOf("/")) : "";
}

/** One package in two places: it is there if either is. */
function merge(a: LockedPackage, b: LockedPackage): LockedPackage {
  return {
    ...a,
    scope: strength[a.scope] >= strength[b.scope] ? a.scope : b.scope,
    uses: [...new Set([...a.uses, ...b.uses])].toSorted(byText),
  };
}
