// Whether stock clients can tell what is published from all that is there already. What a repository can't show isn't published:
// a name or a version that a client refuses, two files that it takes for one, a package of somebody else, a version that another
// release has, a channel whose name means something else to a client. The catalog's rows decide, so it is exact at the moment of the commit.

import semver from "semver";

import type { Manifest } from "../artifact/manifest.ts";
import { isNpmName } from "../artifact/npm-package.ts";
import {
  type NamedPackage,
  namedPackages,
  type Package,
  type PackageFormat,
  sameName,
  sameVersion,
} from "../artifact/packages.ts";
import { pythonParts } from "../artifact/version/same.ts";
import { KilnError } from "../errors.ts";
import {
  type CatalogReader,
  findAlike,
  findOtherPackage,
  findPackage,
  findPackageVersion,
  releases,
} from "../views/catalog.ts";

/** What a person calls a repository, and what lies in it. */
const shown: Readonly<Record<PackageFormat, readonly [view: string, thing: string]>> = {
  apt: ["apt", "Debian package"],
  yum: ["yum", "rpm package"],
  pypi: ["PyPI", "Python project"],
  npm: ["npm", "npm package"],
  helm: ["Helm", "chart"],
};

/** Throws NAME_CLASH: a name or version that is none to the format's own clients, who would pass over it or stop at it. */
export function requireLegal(manifest: Manifest): void {
  for (const one of namedPackages(manifest)) {
    const fault = faults[one.format]?.(one);
    if (fault === undefined) continue;
    const file = manifest.artifacts.find(({ name }) => name === one.artifact)?.file ?? one.artifact;
    throw clash(one, `${fault.got} in ${file}, want ${fault.want}`, { hint: fault.hint });
  }
}

interface Fault {
  readonly got: string;
  readonly want: string;
  readonly hint: string;
}

/** Of the formats whose clients refuse what the file itself may well say. */
const faults: Partial<Record<PackageFormat, (one: NamedPackage) => Fault | undefined>> = {
  pypi({ version }) {
    if (pythonParts(version) !== undefined) return undefined;
    return {
      got: `the version ${JSON.stringify(version)}`,
      want: "one by PEP 440, as in 1.2.0rc1 or 1.2.0+local.1: pip and uv install no other",
      hint: "build it again under such a version",
    };
  },
  npm({ name, version }) {
    if (!isNpmName(name)) {
      return {
        got: `the name ${JSON.stringify(name)}`,
        want: "one that npm installs: small letters, digits and . _ - between them, but not node_modules or favicon.ico",
        hint: "give the package another name in its package.json",
      };
    }
    if (semver.valid(version) !== null) return undefined;
    return {
      got: `the version ${JSON.stringify(version)}`,
      want: "a semantic one, as in 1.2.0-rc.1: npm installs no other",
      hint: "give the package another version",
    };
  },
};

/** Throws NAME_CLASH: two artifacts of one release that clients can't tell apart. */
export function requireDistinct(manifest: Manifest): void {
  const seen = new Map<string, string>();
  for (const one of namedPackages(manifest)) {
    const same = `${one.format} ${sameName(one)} ${sameVersion(one)} ${one.variant}`;
    const before = seen.get(same);
    if (before !== undefined) {
      throw clash(one, `the artifacts ${before} and ${one.artifact}, want one of them`, {
        hint: "give one of them another package name, or bake it as a release of its own",
      });
    }
    seen.set(same, one.artifact);
  }
}

/** Throws NAME_CLASH: packages of a release that is to be new, as another one has them. */
export async function requireUnclaimed(
  catalog: CatalogReader,
  {
    name,
    version,
    packages,
  }: { readonly name: string; readonly version: string; readonly packages: readonly Package[] },
): Promise<void> {
  const alike = await findAlike(catalog, name, version);
  if (alike !== undefined) {
    const problem = `there is ${alike}, which differs in capital letters only: many web servers can't show both`;
    throw new KilnError("NAME_CLASH", `${name}@${version}: ${problem}`, { hint: "give this bake a new version" });
  }
  for (const one of packages) {
    await requireOwn(catalog, one, name);
    const other = await findPackageVersion(catalog, one);
    if (other === undefined || (other.name === name && other.version === version)) continue;
    throw clash(one, `version ${one.version}, which ${other.name}@${other.version} has already`, {
      hint: "what was published never changes: give the package a new version",
    });
  }
}

async function requireOwn(catalog: CatalogReader, one: Package, name: string): Promise<void> {
  const owner = await findPackage(catalog, one);
  if (owner === undefined) return;
  if (owner.name !== name) {
    throw clash(one, `the name ${name}, want ${owner.name}, which released ${owner.package} first`, {
      hint: "publish it under that name, or give the package another one",
    });
  }
  // PyPI's clients write a name as they like.
  if (one.format === "pypi" || owner.package === one.name) return;
  throw clash(one, `another spelling of ${owner.package}, which was released before`, {
    hint: "keep the name as it was: capital letters alone don't tell packages apart everywhere",
  });
}

/**
 * Throws NAME_CLASH: packages from elsewhere, whose release has its name from them, where that name releases another package
 * of the format: channels and dist-tags show one release of a name, so they would be taken from that package without a word.
 */
export async function requireNameOf(
  catalog: CatalogReader,
  { name, packages }: { readonly name: string; readonly packages: readonly Package[] },
): Promise<void> {
  if ((await releases(catalog, name).next()).done === true) return;
  for (const one of packages) {
    if ((await findPackage(catalog, one)) !== undefined) continue;
    const other = await findOtherPackage(catalog, one, name);
    if (other === undefined) continue;
    throw clash(one, `the release name ${name}, which has the ${shown[one.format][1]} ${other}, want one of its own`, {
      hint: "say which name it shall have: --name NAME",
    });
  }
}

/** Throws NAME_CLASH: a channel that a client of one of the release's formats takes for something else. */
export function requireShowable(manifest: Manifest, channel: string): void {
  const npm = namedPackages(manifest).find(({ format }) => format === "npm");
  if (npm === undefined || semver.validRange(channel) === null) return;
  throw clash(npm, `the channel ${channel}, which npm takes for a range of versions`, {
    hint: `name the channel otherwise, as in \`release-${channel}\``,
  });
}

function clash({ format, name }: Package, got: string, { hint }: { readonly hint: string }): KilnError {
  const [view, thing] = shown[format];
  return new KilnError("NAME_CLASH", `${thing} ${name}: the ${view} view can't show it: got ${got}`, { hint });
}
