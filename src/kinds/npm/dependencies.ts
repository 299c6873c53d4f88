// The dependencies of a package as they are published. What is in the same release is asked for in the release's own version,
// whatever the sources say (`workspace:*`, `^1.0.0`, `file:../core`); what only the monorepo's own tools understand becomes
// what npm understands, or is refused: a package that can't be installed is never made.

import semver from "semver";

import { KilnError } from "../../errors.ts";
import type { Package } from "./package.ts";

export interface Surroundings {
  /** The version of the release, as npm writes it. */
  readonly version: string;
  /** Names of the packages that are in it. */
  readonly released: ReadonlySet<string>;
  /** The version that another workspace of the monorepo has, by its name. */
  readonly workspaceVersion: (name: string) => string | undefined;
  /** The package in a folder, relative to this package's own; undefined where there is none. */
  readonly packageAt: (path: string) => { readonly name: string; readonly version: string | undefined } | undefined;
  /** What a catalog has for a name. `default` is the one without a name. */
  readonly catalog: (catalog: string, name: string) => string | undefined;
}

const tables = ["dependencies", "optionalDependencies", "peerDependencies", "devDependencies"] as const;

/** `where` is the package.json's path for a person. Throws ARTIFACT_INVALID. */
export function stampDependencies(manifest: Package, around: Surroundings, where: string): Package {
  const stamped = tables.flatMap((table) => {
    const ranges = manifest[table];
    if (ranges === undefined) return [];
    const entries = Object.entries(ranges).map(([name, range]): [string, string] => {
      const found = rangeOf(name, range, around);
      if ("range" in found) return [name, found.range];
      // Nobody who installs a package installs what it was developed with.
      if (table === "devDependencies") return [name, range];
      throw new KilnError(
        "ARTIFACT_INVALID",
        `${where}: ${table}: got ${name}: ${shorten(range)}, want ${found.want}`,
        {
          hint: found.hint,
        },
      );
    });
    return [[table, Object.fromEntries(entries)] as const];
  });
  return { ...manifest, ...Object.fromEntries(stamped) };
}

type Found = { readonly range: string } | { readonly want: string; readonly hint: string };

function rangeOf(name: string, range: string, around: Surroundings): Found {
  const [, protocol = "", rest = ""] = /^(workspace|catalog|file|link|portal):(.*)$/s.exec(range) ?? [];
  switch (protocol) {
    case "catalog": {
      const catalog = rest.trim() === "" ? "default" : rest.trim();
      const meant = around.catalog(catalog, name);
      // A catalog's entry may be `workspace:…`, but never another catalog's.
      if (meant !== undefined && !meant.startsWith("catalog:")) return rangeOf(name, meant, around);
      return { want: `an entry for ${name} in the catalog`, hint: "add it to pnpm-workspace.yaml or .yarnrc.yml" };
    }
    case "workspace":
      return workspaceRange(name, rest.trim(), around);
    case "file":
    case "link":
    case "portal":
      return folderRange(name, rest.trim(), around);
    default:
      return around.released.has(name) ? releasedRange(name, range.trim(), around) : { range };
  }
}

/** `*`, `^`, `~`, a range, a folder, or `name@range` for a package that goes by another name here. */
function workspaceRange(name: string, rest: string, around: Surroundings): Found {
  if (/^\.{0,2}\//.test(rest) || rest === "..") return folderRange(name, rest, around);
  const alias = /^((?:@[^/@]+\/)?[^/@]+)@(.*)$/.exec(rest);
  const real = alias?.[1] ?? name;
  const found = ofWorkspace(real, alias?.[2] ?? rest, around);
  return "range" in found && alias !== null ? { range: `npm:${real}@${found.range}` } : found;
}

function ofWorkspace(name: string, rest: string, around: Surroundings): Found {
  if (!/^[~^*]?$/.test(rest) && semver.validRange(rest) === null) {
    return { want: "workspace: and then *, ^, ~ or a range of versions", hint: `write ${name}: workspace:^` };
  }
  if (around.released.has(name)) return releasedRange(name, rest, around);
  if (!/^[~^*]?$/.test(rest)) return { range: rest };
  const version = around.workspaceVersion(name);
  if (version !== undefined) return { range: `${rest === "*" ? "" : rest}${version}` };
  return {
    want: "a workspace that this release holds, or one whose package.json has a version",
    hint: `make ${name} an artifact of this recipe, or write the range that its users shall get`,
  };
}

function folderRange(name: string, path: string, around: Surroundings): Found {
  const found = around.packageAt(path);
  if (found !== undefined && around.released.has(found.name)) {
    return { range: aliased(name, found.name, around.version) };
  }
  if (found?.version !== undefined) return { range: aliased(name, found.name, found.version) };
  return {
    want: "what npm can install without this repository",
    hint: `make ${name} an artifact of this recipe, bundle it, or write the range that its users shall get`,
  };
}

function aliased(name: string, real: string, range: string): string {
  return name === real ? range : `npm:${real}@${range}`;
}

/** The operator stays, the version is the release's; a range of several parts stays as it is if it allows that version. */
function releasedRange(name: string, range: string, { version }: Surroundings): Found {
  if (/^(?:\^|~|>=)?$/.test(range)) return { range: `${range}${version}` };
  // Another package under this name, or a repository of its own.
  if (/[:/]/.test(range)) return { range };
  const single = /^(\^|~|>=|=)?\s*v?\d+(\.(?:\d+|[xX*]))?(\.(?:\d+|[xX*]))?(?:[-+][0-9A-Za-z.+-]*)?$/.exec(range);
  if (single !== null) return { range: `${operatorOf(range, single[1])}${version}` };
  // `*`, `latest` and other tags.
  if (semver.validRange(range) === null || /^[*xX]$/.test(range)) return { range: version };
  if (semver.satisfies(version, range, { includePrerelease: true })) return { range };
  return {
    want: `a range that allows ${version}, which this release gives it`,
    hint: `write ${name}: workspace:^ or ^${version}`,
  };
}

/** `1` and `1.x` mean what `^1.0.0` does, `1.2` what `~1.2.0` does. */
function operatorOf(range: string, operator: string | undefined): string {
  if (operator !== undefined) return operator === "=" ? "" : operator;
  const parts = range
    .replace(/[-+].*$/, "")
    .split(".")
    .filter((part) => /^v?\d+$/.test(part));
  return ["", "^", "~"][parts.length] ?? "";
}

function shorten(range: string): string {
  return range.length > 60 ? `${range.slice(0, 60)}…` : range;
}
