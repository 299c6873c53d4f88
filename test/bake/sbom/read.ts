// Lock files for the tests of their readers, each read as it would be in a folder with these files.

import type { Lock, LockedPackage, LockReader } from "../../../src/bake/sbom/lock.ts";

export function readWith(reader: LockReader, text: string, beside: Readonly<Record<string, string>> = {}): Lock {
  const where = reader.names[0] ?? "";
  return reader.read(text, { where, beside: (name) => beside[name] });
}

/** What matters most of each package, by name. */
export function brief({ packages }: Lock): Record<string, Pick<LockedPackage, "purl" | "scope" | "uses">> {
  return Object.fromEntries(packages.map(({ name, purl, scope, uses }) => [name, { purl, scope, uses }]));
}

export const hash = (digit: string): string => digit.repeat(64);
