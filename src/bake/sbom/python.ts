// What the lock files of Python's tools have in common: names that are spelled in many ways, requirements (PEP 508), the
// digests of a release's files, and pyproject.toml, which says what the project itself wants.

import { PackageURL } from "packageurl-js";
import { parse as parseToml } from "smol-toml";
import { z } from "zod";

import { KilnError } from "../../errors.ts";
import { byText, type LockedFile, parseLock } from "./lock.ts";

/** PEP 503: `Flask_Login` and `flask-login` are one. */
export function normalName(name: string): string {
  return name.toLowerCase().replaceAll(/[-_.]+/g, "-");
}

export function pypiPurl(name: string, version: string, qualifiers?: Record<string, string>): string {
  return new PackageURL("pypi", undefined, normalName(name), version, qualifiers, undefined).toString();
}

/** The name that a requirement starts with, as in `requests[socks]>=2; python_version < "4"`. */
export function requiredName(requirement: string): string | undefined {
  const name = /^\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)/.exec(requirement)?.[1];
  return name === undefined ? undefined : normalName(name);
}

export const nameSchema = z
  .string()
  .regex(/^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/, "the name of a Python package");

export const versionSchema = z.string().regex(/^[0-9A-Za-z][0-9A-Za-z.+!_-]*$/, "a version");

/** `sha256:HEX` → the digest; undefined for what isn't one. */
export function hashesOf(text: string | undefined): LockedFile["hashes"] | undefined {
  const match = /^(md5|sha1|sha256|sha384|sha512)[:=]([0-9a-fA-F]+)$/.exec(text ?? "");
  return match?.[1] === undefined || match[2] === undefined ? undefined : { [match[1]]: match[2].toLowerCase() };
}

/** The last segment of an address: the name of the file. */
export function fileNameOf(url: string | undefined): string | undefined {
  const path = url?.split(/[?#]/)[0] ?? "";
  const name = path.split("/").at(-1);
  return name === undefined || name === "" ? undefined : name;
}

export interface Wanted {
  readonly required: readonly string[];
  readonly optional: readonly string[];
  readonly development: readonly string[];
}

const requirements = z.array(z.string()).catch([]);
const groups = z.record(z.string(), requirements).catch({});
const table = z.record(z.string(), z.unknown()).catch({});
const projectSchema = z.looseObject({
  project: z
    .looseObject({ dependencies: requirements, "optional-dependencies": groups })
    .catch({ dependencies: [], "optional-dependencies": {} }),
  "dependency-groups": z.record(z.string(), z.array(z.unknown())).catch({}),
  tool: z
    .looseObject({
      poetry: z
        .looseObject({
          dependencies: table,
          "dev-dependencies": table,
          group: z.record(z.string(), z.looseObject({ dependencies: table })).catch({}),
        })
        .optional()
        .catch(undefined),
      pdm: z.looseObject({ "dev-dependencies": groups }).optional().catch(undefined),
    })
    .optional()
    .catch(undefined),
});

/** Names that the project itself wants, by pyproject.toml; undefined where there is none. Throws ARTIFACT_INVALID. */
export function wantedBy(text: string | undefined, where: string): Wanted | undefined {
  if (text === undefined) return undefined;
  const hint = "correct pyproject.toml: it says what the lock file is for";
  const { project, tool, ...content } = parseLock(text, { where, parse: parseToml, schema: projectSchema, hint });
  const poetry = tool?.poetry;
  const named = (list: readonly unknown[]): string[] =>
    list.flatMap((one) => (typeof one === "string" ? (requiredName(one) ?? []) : []));
  const keys = (one: Readonly<Record<string, unknown>> = {}): string[] =>
    Object.keys(one)
      .filter((key) => key !== "python")
      .map(normalName);
  const isOptional = (one: unknown): boolean => z.looseObject({ optional: z.literal(true) }).safeParse(one).success;
  const direct = Object.entries(poetry?.dependencies ?? {});
  return {
    required: [
      ...named(project.dependencies),
      ...keys(Object.fromEntries(direct.filter(([, one]) => !isOptional(one)))),
    ],
    optional: [
      ...Object.values(project["optional-dependencies"]).flatMap(named),
      ...keys(Object.fromEntries(direct.filter(([, one]) => isOptional(one)))),
    ],
    development: [
      ...Object.values(content["dependency-groups"]).flatMap(named),
      ...Object.values(tool?.pdm?.["dev-dependencies"] ?? {}).flatMap(named),
      ...keys(poetry?.["dev-dependencies"]),
      ...Object.entries(poetry?.group ?? {}).flatMap(([name, group]) =>
        name === "main" ? [] : keys(group.dependencies),
      ),
    ],
  };
}

/** Package URLs of packages by their normal name; a name may have several versions. */
export type ByName = ReadonlyMap<string, readonly string[]>;

export function byName(packages: readonly { readonly name: string; readonly purl: string }[]): ByName {
  const found = new Map<string, string[]>();
  for (const { name, purl } of packages) {
    const key = normalName(name);
    found.set(key, [...(found.get(key) ?? []), purl]);
  }
  return found;
}

/** Each once, sorted. What isn't locked (it is for another machine) is left out. */
export function purlsOf(names: readonly string[], all: ByName): string[] {
  return [...new Set(names.flatMap((name) => all.get(name) ?? []))].toSorted(byText);
}

export function notLocked(where: string, what: string, hint: string): KilnError {
  return new KilnError("ARTIFACT_INVALID", `${where}: got ${what}`, { hint });
}
