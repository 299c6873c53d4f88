// The CycloneDX 1.6 SBOM of one artifact: what it is, and the packages that its lock files pin, with their licences, hashes
// and who uses whom. A function of the artifact's bytes and the source: its serial number follows from the digest.
// Where no lock file tells what is inside, the SBOM says that it is unknown, which isn't the same as nothing.

import { lstatSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

import { Contrib, Enums, Models, Serialize, Spec } from "@cyclonedx/cyclonedx-library";
import { PackageURL } from "packageurl-js";
import parseExpression from "spdx-expression-parse";

import type { Digest } from "../artifact/digest.ts";
import { canonicalBytes } from "../artifact/json.ts";
import type { Packed } from "../kinds/kind.ts";
import { type LockedPackage, readNpmLock } from "./npm-lock.ts";

export interface SbomInput {
  readonly packed: Packed;
  readonly kind: string;
  readonly sha256: Digest;
  readonly release: { readonly name: string; readonly version: string };
  /** SOURCE_DATE_EPOCH. */
  readonly time: number;
  /** The built source tree, absolute and free of links. */
  readonly source: string;
  /** Kiln's own version. */
  readonly kiln: string;
}

const lockNames = ["npm-shrinkwrap.json", "package-lock.json"];
const licenses = new Contrib.License.Factories.LicenseFactory(parseExpression);

/** The SBOM's bytes: canonical JSON. Throws ARTIFACT_INVALID for a lock file that can't be read. */
export function sbomBytes(input: SbomInput): Uint8Array {
  const bom = new Models.Bom({
    version: 1,
    serialNumber: serialNumber(input.sha256),
    metadata: new Models.Metadata({ timestamp: new Date(input.time * 1000), component: subjectOf(input) }),
  });
  bom.metadata.tools.components.add(
    new Models.Component(Enums.ComponentType.Application, "kiln", { version: input.kiln }),
  );
  const locks = locksOf(input);
  addPackages(bom, input, locks);
  for (const purl of new Set(input.packed.requires)) addRequired(bom, purl);
  const normalizer = new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6).makeForBom();
  const json = normalizer.normalize(bom, { sortLists: true });
  return canonicalBytes({ ...json, ...(locks.length === 0 ? { compositions: [unknownContent] } : {}) });
}

const subjectReference = "artifact";
const unknownContent = { aggregate: "unknown", assemblies: [subjectReference] };

function subjectOf({ packed, kind, sha256, release }: SbomInput): Models.Component {
  const type = kind === "npm" ? Enums.ComponentType.Library : Enums.ComponentType.Application;
  const subject = new Models.Component(type, release.name, {
    bomRef: subjectReference,
    version: release.version,
    purl: packed.purl,
  });
  subject.hashes.set(Enums.HashAlgorithm["SHA-256"], sha256);
  subject.properties.add(new Models.Property("kiln:file", packed.file));
  return subject;
}

/** A UUID of version 8: the bits are ours to choose, and the digest chooses them. */
function serialNumber(sha256: Digest): `urn:uuid:${string}` {
  const variant = ((Number.parseInt(sha256.charAt(16), 16) & 0x3) | 0x8).toString(16);
  const groups = [sha256.slice(0, 8), sha256.slice(8, 12), `8${sha256.slice(13, 16)}`, variant + sha256.slice(17, 20)];
  return `urn:uuid:${groups.join("-")}-${sha256.slice(20, 32)}`;
}

/** The nearest lock file of each packed folder, upwards to the top of the source; each once. */
function locksOf({ packed, source }: SbomInput): string[] {
  const found = packed.from.flatMap((path) => {
    const start = lstatSync(path).isDirectory() ? path : dirname(path);
    for (let folder = start; ; folder = dirname(folder)) {
      // A link may lead out of the source, to a file of the host.
      const lock = lockNames
        .map((name) => join(folder, name))
        .find((file) => lstatSync(file, { throwIfNoEntry: false })?.isFile() ?? false);
      if (lock !== undefined) return [lock];
      if (folder === source || folder === dirname(folder)) return [];
    }
  });
  return [...new Set(found)];
}

function addPackages(bom: Models.Bom, { source }: SbomInput, files: readonly string[]): void {
  const subject = bom.metadata.component;
  const components = new Map<string, Models.Component>();
  const read = files.map((file) => readNpmLock(readFileSync(file, "utf8"), relative(source, file)));
  for (const locked of read.flatMap(({ packages }) => packages)) {
    if (!components.has(locked.purl)) components.set(locked.purl, componentOf(locked));
  }
  const link = (from: Models.Component | undefined, uses: readonly string[]): void => {
    for (const purl of uses) {
      const used = components.get(purl);
      if (used !== undefined) from?.dependencies.add(used.bomRef);
    }
  };
  for (const { uses, packages } of read) {
    link(subject, uses);
    for (const locked of packages) link(components.get(locked.purl), locked.uses);
  }
  for (const component of components.values()) bom.components.add(component);
}

const scopes = {
  required: Enums.ComponentScope.Required,
  optional: Enums.ComponentScope.Optional,
  excluded: Enums.ComponentScope.Excluded,
};
const algorithms: Readonly<Record<string, Enums.HashAlgorithm>> = {
  sha1: Enums.HashAlgorithm["SHA-1"],
  sha256: Enums.HashAlgorithm["SHA-256"],
  sha384: Enums.HashAlgorithm["SHA-384"],
  sha512: Enums.HashAlgorithm["SHA-512"],
};

function componentOf(locked: LockedPackage): Models.Component {
  const [first = "", second] = locked.name.split("/");
  const component = new Models.Component(Enums.ComponentType.Library, second ?? first, {
    ...(second === undefined ? {} : { group: first }),
    bomRef: locked.purl,
    version: locked.version,
    purl: locked.purl,
    scope: scopes[locked.scope],
  });
  if (locked.license !== undefined) component.licenses.add(licenses.makeFromString(locked.license));
  for (const [name, hex] of Object.entries(locked.hashes)) {
    const algorithm = algorithms[name];
    if (algorithm !== undefined) component.hashes.set(algorithm, hex);
  }
  // The name that CycloneDX's own npm tool uses.
  if (locked.scope === "excluded") component.properties.add(new Models.Property("cdx:npm:package:development", "true"));
  return component;
}

function addRequired(bom: Models.Bom, purl: string): void {
  const { name } = PackageURL.fromString(purl);
  const component = new Models.Component(Enums.ComponentType.Library, name, { bomRef: purl, purl });
  bom.components.add(component);
  bom.metadata.component?.dependencies.add(component.bomRef);
}
