// What of the pool is referred to: everything that a release or an attestation in the log names. Of a retired release the artifacts
// count until it has been retired for the grace time: a deploy that resolved it before fetches them in peace.

import pMap from "p-map";

import { attestationKey } from "../../artifact/attestation.ts";
import { apartKey, besideKey, endsBeside } from "../../artifact/beside.ts";
import type { ReleaseLeaf } from "../../artifact/leaf.ts";
import { blobsOf, type Manifest, manifestFile } from "../../artifact/manifest.ts";
import { keys, poolKey } from "../../artifact/pool.ts";
import { dispensable } from "../../artifact/retired.ts";
import { nativesOf, parseSignatures, type Signatures, signaturesFile } from "../../artifact/signatures.ts";
import { isKilnError, KilnError } from "../../errors.ts";
import type { Step } from "../../report.ts";
import { readWholeBlob } from "../../stores/read.ts";
import type { Store } from "../../stores/store.ts";
import { readManifest } from "../gates.ts";
import type { Marks } from "./marks.ts";

export interface LoggedRelease {
  readonly leaf: ReleaseLeaf;
  readonly isRetired: boolean;
}

interface MarkOptions {
  readonly store: Store;
  readonly marks: Marks;
  readonly since: number;
  /** The store mirrors a part of another: whole releases may be elsewhere. */
  readonly isPart: boolean;
}

const releasesAtOnce = 16;

/** Marks what these releases name. Throws OBJECT_MISSING, STORE_CORRUPT: what isn't known to be named can't be told from garbage. */
export async function markReleases(
  releases: readonly LoggedRelease[],
  options: MarkOptions & { readonly step: Step },
): Promise<void> {
  const { step } = options;
  let done = 0;
  await pMap(
    releases,
    async (release) => {
      await markRelease(release, options);
      step.progress((done += 1), releases.length, "items");
    },
    { concurrency: releasesAtOnce },
  );
}

export function markAttestation({ digest }: { readonly digest: string }, marks: Marks): void {
  marks.add(attestationKey(digest));
}

async function markRelease(
  { leaf, isRetired }: LoggedRelease,
  { store, marks, since, isPart }: MarkOptions,
): Promise<void> {
  const manifestKey = poolKey({ sha256: leaf.manifest, file: manifestFile });
  // A sync that is copying it makes the manifest last, and whatever it made or found before is young.
  if (isPart && (await store.head(manifestKey)) === undefined) return;
  marks.add(manifestKey);
  marks.add(poolKey({ sha256: leaf.signatures, file: signaturesFile }));
  const { manifest, signatures } = await readNamed(store, leaf);
  const gone = new Set<string>();
  if (isRetired && (await retiredBefore(store, leaf, since))) {
    for (const artifact of manifest.artifacts)
      for (const blob of dispensable(artifact, signatures)) gone.add(poolKey(blob));
  }
  for (const blob of [...blobsOf(manifest), ...nativesOf(signatures)]) {
    const key = poolKey(blob);
    if (!gone.has(key)) marks.add(key);
  }
  for (const artifact of manifest.artifacts) {
    for (const end of endsBeside({ manifest, signatures }, artifact)) {
      marks.add(besideKey(artifact, end));
      marks.add(apartKey(artifact, end, leaf.manifest));
    }
  }
}

/** Its document says so since then, by the store's clock: hosts have read that. */
async function retiredBefore(store: Store, { name, version }: ReleaseLeaf, since: number): Promise<boolean> {
  const document = await store.head(keys.release(name, version));
  return document !== undefined && document.modified <= since;
}

async function readNamed(
  store: Store,
  leaf: ReleaseLeaf,
): Promise<{ readonly manifest: Manifest; readonly signatures: Signatures }> {
  const key = poolKey({ sha256: leaf.signatures, file: signaturesFile });
  try {
    const manifest = await readManifest(store, leaf.manifest);
    return { manifest, signatures: parseSignatures(await readWholeBlob(store, key, leaf.signatures), key) };
  } catch (cause) {
    if (!isKilnError(cause, "NOT_FOUND", "STORE_CORRUPT")) throw cause;
    const code = cause.code === "NOT_FOUND" ? "OBJECT_MISSING" : "STORE_CORRUPT";
    throw new KilnError(code, `${leaf.name}@${leaf.version}: ${cause.message}`, {
      hint: "nothing was removed: restore it from a copy of the store; `kiln audit` says what else is wrong",
      cause,
    });
  }
}
