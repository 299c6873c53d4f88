// A project's page, which installers poll: the files of one project that a channel shows. The JSON form is the document; it says
// which leaf decided it, so that a slow publisher doesn't put an older one back. The HTML form is made of the JSON form alone.
// Spec: the simple repository API (PEP 503, 592, 629, 658, 691, 700, 714).

import { z } from "zod";

import { canonicalBytes, parseStored } from "../../artifact/json.ts";
import { KilnError } from "../../errors.ts";
import { type ListedFile, listedFileSchema } from "./distribution.ts";
import { htmlPage, link } from "./html.ts";
import { apiVersion, rebuildHint } from "./layout.ts";

const pageSchema = z.strictObject({
  meta: z.strictObject({ "api-version": z.literal(apiVersion) }),
  name: z.string().regex(/^[a-z0-9-]+$/),
  versions: z.array(z.string()),
  files: z.array(listedFileSchema),
  /** Index of the newest leaf that decides what stands here. */
  _leaf: z.int().nonnegative(),
});

export type Page = z.infer<typeof pageSchema>;

/** The page with these files, in the one order that they have: the newest last. */
export function pageOf(
  project: string,
  { files, leaf }: { readonly files: readonly ListedFile[]; readonly leaf: number },
): Page {
  const order = (file: ListedFile) => `${file["upload-time"]} ${file.filename} ${file._release}`;
  const sorted = files.toSorted((a, b) => (order(a) < order(b) ? -1 : 1));
  return {
    meta: { "api-version": apiVersion },
    name: project,
    versions: [...new Set(sorted.map((file) => file._version))],
    files: sorted,
    _leaf: leaf,
  };
}

export function pageBytes(page: Page): Uint8Array {
  return canonicalBytes(page);
}

/** Throws STORE_CORRUPT, which names `key`. */
export function parsePage(bytes: Uint8Array, key: string): Page {
  const result = pageSchema.safeParse(parseStored(bytes, key, rebuildHint));
  if (result.success) return result.data;
  throw new KilnError("STORE_CORRUPT", `${key}: ${z.prettifyError(result.error)}`, { hint: rebuildHint });
}

export function pageHtml(page: Page): Uint8Array {
  const links = page.files.map((file) =>
    link(`${file.url}#sha256=${file.hashes.sha256}`, file.filename, {
      "data-requires-python": file["requires-python"],
      "data-core-metadata": metadataIn(file["core-metadata"]),
      "data-yanked": file.yanked,
    }),
  );
  return htmlPage({ title: page.name, leaf: page._leaf, links });
}

function metadataIn(metadata: ListedFile["core-metadata"]): string | undefined {
  return metadata === false ? undefined : `sha256=${metadata.sha256}`;
}
