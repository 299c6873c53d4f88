// The signature that an artifact's own format has, for the clients that look for no other: an .rpm carries one in itself, a
// chart has a .prov beside it. It is made at publish, so a manifest can't name it; the signatures document does, as a blob.

import type { Artifact } from "./manifest.ts";

const names: Readonly<Record<string, (file: string) => string>> = {
  rpm: (file) => file,
  chart: (file) => `${file}.prov`,
};

/** The file name of the blob; `undefined`: artifacts of this kind have none. */
export function nativeFileOf({ kind, file }: Pick<Artifact, "kind" | "file">): string | undefined {
  return Object.hasOwn(names, kind) ? names[kind]?.(file) : undefined;
}
