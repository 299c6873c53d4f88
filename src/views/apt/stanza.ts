// A package in an index of apt's: its control fields, and where its file lies in the pool. `Kiln-Release` says which release it is of.

import type { Artifact, Manifest } from "../../artifact/manifest.ts";
import { poolKey } from "../../artifact/pool.ts";
import type { Records } from "../compressed-index.ts";

/** Where a package stands whose record names no component. */
export const mainComponent = "main";

export interface Stanza {
  /** Orders the index: package, version, release's name. */
  readonly key: string;
  /** As dpkg names it. */
  readonly architecture: string;
  readonly component: string;
  readonly text: string;
}

/** Every .deb of a release. */
export function stanzasOf(manifest: Manifest): Stanza[] {
  return manifest.artifacts.flatMap((artifact) => stanzaOf(artifact, manifest) ?? []);
}

function stanzaOf(artifact: Artifact, manifest: Manifest): Stanza | undefined {
  if (!artifact.file.endsWith(".deb")) return undefined;
  // The one member that is no field of the control file: those begin with a capital letter.
  const { Package: name, Architecture: architecture, component = mainComponent, ...others } = artifact.record;
  if (typeof name !== "string" || typeof architecture !== "string" || typeof component !== "string") return undefined;
  const fields: Record<string, unknown> = {
    Package: name,
    Architecture: architecture,
    ...others,
    "Kiln-Release": `${manifest.name}@${manifest.version}`,
    Filename: poolKey(artifact),
    Size: artifact.size,
    SHA256: artifact.sha256,
  };
  const lines = Object.entries(fields).map(([field, value]) => `${field}: ${String(value)}\n`);
  return {
    key: keyOf(name, String(artifact.record["Version"]), manifest.name),
    architecture,
    component,
    text: `${lines.join("")}\n`,
  };
}

/** The stanzas of an index by their keys. */
export function parseStanzas(text: string): Records {
  const stanzas = text.split("\n\n").filter((stanza) => stanza !== "");
  return new Map(
    stanzas.map((stanza) => {
      const release = fieldOf(stanza, "Kiln-Release");
      const name = release.slice(0, release.indexOf("@"));
      return [keyOf(fieldOf(stanza, "Package"), fieldOf(stanza, "Version"), name), `${stanza}\n\n`];
    }),
  );
}

function keyOf(name: string, version: string, release: string): string {
  return `${name} ${version} ${release}`;
}

function fieldOf(stanza: string, field: string): string {
  return new RegExp(`^${field}: (.*)$`, "m").exec(stanza)?.[1] ?? "";
}
