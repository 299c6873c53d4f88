// The CycloneDX 1.6 SBOM of one artifact: what it is, the packages that its lock files pin, with their licences, hashes and who
// uses whom, what an installer brings along, and the base that it was built in. A function of the artifact's bytes, the source
// and the plan: its serial number follows from the digest.
// Where no lock file tells what is inside, the SBOM says that it is unknown, which isn't the same as nothing.

import { relative } from "node:path";

import { Enums, Models, Serialize, Spec } from "@cyclonedx/cyclonedx-library";

import type { Digest } from "../../artifact/digest.ts";
import { canonicalBytes } from "../../artifact/json.ts";
import type { ResolvedBase } from "../../bases/base.ts";
import type { Packed } from "../../kinds/kind.ts";
import { baseComponent, licenseOf, lockedComponent, requiredComponent } from "./components.ts";
import { type FoundLock, lockFilesOf, readLock } from "./locks.ts";

export interface SbomInput {
  readonly packed: Omit<Packed, "record" | "platform">;
  readonly kind: string;
  readonly sha256: Digest;
  readonly release: { readonly name: string; readonly version: string };
  /** SOURCE_DATE_EPOCH; undefined: nobody says when it was made. */
  readonly time: number | undefined;
  /** What the artifact says of its own licence. */
  readonly license?: string | undefined;
  /** The built source tree, absolute and free of links. */
  readonly source: string;
  /** What it was built in; undefined for the machine's own system. */
  readonly base?: Pick<ResolvedBase, "title" | "digest" | "materials"> | undefined;
  /** Kiln's own version; undefined: it didn't make the artifact, and what it says of it doesn't depend on the version. */
  readonly kiln: string | undefined;
}

export interface Sbom {
  /** Canonical JSON. */
  readonly bytes: Uint8Array;
  /** The lock files that it follows: paths relative to the source. */
  readonly lockFiles: readonly string[];
}

/** Throws ARTIFACT_INVALID for a lock file that can't be read. */
export function sbomOf(input: SbomInput): Sbom {
  const { packed, source } = input;
  const bom = new Models.Bom({
    version: 1,
    serialNumber: serialNumber(input.sha256),
    metadata: new Models.Metadata({
      ...(input.time === undefined ? {} : { timestamp: new Date(input.time * 1000) }),
      component: subjectOf(input),
    }),
  });
  const tool = input.kiln === undefined ? {} : { version: input.kiln };
  bom.metadata.tools.components.add(new Models.Component(Enums.ComponentType.Application, "kiln", tool));
  const files = packed.lock === undefined ? lockFilesOf(packed.from, source) : [packed.lock.path];
  const locks = files.flatMap((file) => readLock(file, relative(source, file), packed.lock?.format) ?? []);
  addPackages(bom, locks);
  addRequired(bom, packed);
  if (input.base !== undefined) bom.components.add(baseComponent(input.base));
  const normalizer = new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6).makeForBom();
  const json = normalizer.normalize(bom, { sortLists: true });
  const aggregate = completeness(locks);
  const compositions = aggregate === undefined ? {} : { compositions: [{ aggregate, assemblies: [subjectReference] }] };
  return { bytes: canonicalBytes({ ...json, ...compositions }), lockFiles: locks.map(({ path }) => path) };
}

const subjectReference = "artifact";

/** What isn't said counts as complete. */
function completeness(locks: readonly FoundLock[]): "unknown" | "incomplete" | undefined {
  if (locks.length === 0) return "unknown";
  return locks.some(({ lock }) => lock.complete === false) ? "incomplete" : undefined;
}

function typeOf(kind: string): Enums.ComponentType {
  if (kind === "report") return Enums.ComponentType.File;
  return ["npm", "wheel", "sdist"].includes(kind) ? Enums.ComponentType.Library : Enums.ComponentType.Application;
}

function subjectOf({ packed, kind, sha256, release, license }: SbomInput): Models.Component {
  const subject = new Models.Component(typeOf(kind), release.name, {
    bomRef: subjectReference,
    version: release.version,
    purl: packed.purl,
  });
  subject.hashes.set(Enums.HashAlgorithm["SHA-256"], sha256);
  subject.properties.add(new Models.Property("kiln:file", packed.file));
  if (license !== undefined) subject.licenses.add(licenseOf(license));
  return subject;
}

/** A UUID of version 8: the bits are ours to choose, and the digest chooses them. */
function serialNumber(sha256: Digest): `urn:uuid:${string}` {
  const variant = ((Number.parseInt(sha256.charAt(16), 16) & 0x3) | 0x8).toString(16);
  const groups = [sha256.slice(0, 8), sha256.slice(8, 12), `8${sha256.slice(13, 16)}`, variant + sha256.slice(17, 20)];
  return `urn:uuid:${groups.join("-")}-${sha256.slice(20, 32)}`;
}

function addPackages(bom: Models.Bom, locks: readonly FoundLock[]): void {
  const subject = bom.metadata.component;
  const components = new Map<string, Models.Component>();
  for (const { lock, ecosystem } of locks) {
    for (const locked of lock.packages) {
      if (!components.has(locked.purl)) components.set(locked.purl, lockedComponent(locked, ecosystem));
    }
  }
  const link = (from: Models.Component | undefined, uses: readonly string[]): void => {
    for (const purl of uses) {
      const used = components.get(purl);
      if (used !== undefined && used !== from) from?.dependencies.add(used.bomRef);
    }
  };
  for (const { lock } of locks) {
    link(subject, lock.uses);
    for (const locked of lock.packages) link(components.get(locked.purl), locked.uses);
  }
  for (const component of components.values()) bom.components.add(component);
}

/**
 * What an installer brings, and what it may bring. A package that is both is required. One whose version a lock file pins
 * is there already.
 */
function addRequired(bom: Models.Bom, { requires, recommends = [] }: SbomInput["packed"]): void {
  const required = new Set(requires);
  const locked = new Map([...bom.components].map((component) => [withoutVersion(String(component.purl)), component]));
  for (const purl of new Set([...requires, ...recommends])) {
    const component = locked.get(purl) ?? requiredComponent(purl, required.has(purl) ? "required" : "optional");
    bom.components.add(component);
    bom.metadata.component?.dependencies.add(component.bomRef);
  }
}

/** Escaped everywhere else, these signs start the version and what follows it. */
function withoutVersion(purl: string): string {
  return purl.replace(/[@?#].*$/, "");
}
