// What an index has that stands in a suite already.

import { type CompressedIndex, emptyIndex, type Form, forms, textsOf } from "../compressed-index.ts";
import type { RepositorySource } from "../view.ts";
import { parseStanzas } from "./stanza.ts";
import { placeOf, type SuiteKeys, type SuiteState } from "./suite.ts";

export interface IndexSource {
  readonly keys: SuiteKeys;
  readonly source: Pick<RepositorySource, "object">;
}

type StoredIndex = SuiteState["indexes"][string];

/** `path`: below the suite. The files' memory is the caller's own. Throws STORE_CORRUPT. */
export async function storedIndex(
  stored: StoredIndex | undefined,
  { keys, path, source }: IndexSource & { readonly path: string },
): Promise<CompressedIndex> {
  if (stored === undefined) return emptyIndex;
  const read = async (form: Form) => {
    const digest = stored.files[form];
    const { buffer, byteOffset, length } = await source.object(keys.byHash(`${path}.${form}`, digest), digest);
    return Buffer.from(buffer, byteOffset, length);
  };
  const [gz, xz, zst] = (await Promise.all(forms.map(read))) as [Buffer, Buffer, Buffer];
  return { pieces: stored.pieces, files: { gz, xz, zst } };
}

interface PackageForAll {
  readonly key: string;
  readonly text: string;
  /** Name of its release. */
  readonly of: string;
}

/**
 * What the index `name` has from its first day, when it is a new one: the packages for all architectures of its component, which
 * another index of that component has. Nothing, when it isn't new.
 */
export async function packagesForAll(
  { indexes }: Pick<SuiteState, "indexes">,
  name: string,
  place: IndexSource,
): Promise<PackageForAll[]> {
  const { component } = placeOf(name);
  const sibling = Object.keys(indexes).find((other) => placeOf(other).component === component);
  if (indexes[name] !== undefined || sibling === undefined) return [];
  const index = await storedIndex(indexes[sibling], { ...place, path: placeOf(sibling).path });
  const found: PackageForAll[] = [];
  for (const text of textsOf(index)) {
    for (const [key, stanza] of parseStanzas(text.toString("utf8"))) {
      if (/^Architecture: all$/m.test(stanza)) found.push({ key, text: stanza, of: key.split(" ")[2] ?? "" });
    }
  }
  return found;
}
