// What stock clients call what a release holds: each artifact's package in its format. A release's log entry lists them, so that
// the log itself says whose a package is: a package belongs to the name that released it first, and a version of it to one
// release. Names that a client, or a file system under the store, takes for one are one here.

import { z } from "zod";

import type { Artifact, Manifest } from "./manifest.ts";
import { compareDebian, comparePython, compareRpm, compareSemver } from "./version/newer.ts";
import { sameToDebian, sameToPython, sameToRpm, sameToSemver } from "./version/same.ts";

export const packageFormats = ["apt", "yum", "pypi", "npm", "helm"] as const;
export type PackageFormat = (typeof packageFormats)[number];

export const packageSchema = z.strictObject({
  format: z.enum(packageFormats),
  /** As the format writes it. */
  name: z.string().min(1).max(220),
  version: z.string().min(1).max(250),
});

export type Package = z.infer<typeof packageSchema>;

/** A package, and which artifact it is. */
export interface NamedPackage extends Package {
  readonly artifact: string;
  /** What tells the files of one version apart to the format's clients: an architecture, a file name. */
  readonly variant: string;
}

type Record = Artifact["record"];

const formatOf: Readonly<globalThis.Record<string, (record: Record, file: string) => Omit<NamedPackage, "artifact">>> =
  {
    deb: ({ Package: name, Version: version, Architecture: variant }) => made("apt", { name, version, variant }),
    rpm: ({ name, epoch = 0, version, release, architecture: variant }) =>
      made("yum", { name, version: `${text(epoch)}:${text(version)}-${text(release)}`, variant }),
    wheel: ({ name, version }, file) => made("pypi", { name, version, variant: file }),
    sdist: ({ name, version }) => made("pypi", { name, version, variant: "sdist" }),
    npm: ({ name, version }) => made("npm", { name, version }),
    chart: ({ name, version }) => made("helm", { name, version }),
  };

function made(format: PackageFormat, said: { name: unknown; version: unknown; variant?: unknown }) {
  return { format, name: text(said.name), version: text(said.version), variant: text(said.variant) };
}

function text(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

/** Every artifact that stock clients know as a package, in the manifest's order. */
export function namedPackages({ artifacts }: Pick<Manifest, "artifacts">): NamedPackage[] {
  return artifacts.flatMap(({ name: artifact, kind, record, file }) => {
    const format = formatOf[kind === "venv-deb" ? "deb" : kind];
    return format === undefined ? [] : [{ ...format(record, file), artifact }];
  });
}

/** The packages that a release's log entry lists: each once, in the order of format, name and version. */
export function packagesOf(manifest: Pick<Manifest, "artifacts">): Package[] {
  const all = namedPackages(manifest).map(({ format, name, version }) => ({ format, name, version }));
  const unique = new Map(all.map((one) => [`${one.format} ${one.name} ${one.version}`, one]));
  return [...unique].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one);
}

/** The same for names that clients, or the file systems of web servers, take for one. */
export function sameName({ format, name }: Pick<Package, "format" | "name">): string {
  const small = name.normalize("NFC").toLowerCase();
  return format === "pypi" ? small.replaceAll(/[-_.]+/g, "-") : small;
}

const sameVersions = { apt: sameToDebian, yum: sameToRpm, pypi: sameToPython, npm: sameToSemver, helm: sameToSemver };

/** The same for versions that the format's clients take for one. */
export function sameVersion({ format, version }: Pick<Package, "format" | "version">): string {
  return sameVersions[format](version);
}

const orders = { apt: compareDebian, yum: compareRpm, pypi: comparePython, npm: compareSemver, helm: compareSemver };

/** Whether any of `packages` is one that clients take for a newer version of one of `others`. */
export function hasNewer(packages: readonly Package[], others: readonly Package[]): boolean {
  return packages.some((one) =>
    others.some(
      (other) =>
        other.format === one.format &&
        sameName(other) === sameName(one) &&
        orders[one.format](one.version, other.version) > 0,
    ),
  );
}
