// What views read: log and pool as of a head, each entry proven to be in its tree, each blob held against its digest; and what signs
// for stock clients.

import type { Digest } from "../artifact/digest.ts";
import { parseEntry } from "../artifact/leaf.ts";
import { parseVkey } from "../artifact/log-key.ts";
import { poolKey } from "../artifact/pool.ts";
import { type Trust, validityOf } from "../artifact/trust.ts";
import { isKilnError, KilnError } from "../errors.ts";
import { readEntry } from "../log/entries.ts";
import type { Head } from "../log/head.ts";
import { leafHash, verifyInclusion } from "../log/merkle.ts";
import { inclusionProof, knowing } from "../log/proof.ts";
import { tileReader } from "../log/tiles.ts";
import type { Signers } from "../sign/signers.ts";
import { readWholeBlob } from "../stores/read.ts";
import type { Store } from "../stores/store.ts";
import { aliases, channels, findRelease, findWithdrawal, releases } from "../views/catalog.ts";
import { type ChangeSource, type ShownSource, soundReleaseAt } from "../views/shown.ts";
import type { RepositorySource, ViewSigner, ViewSource } from "../views/view.ts";
import { type Earlier, earlierIn } from "./earlier.ts";
import { isSound, type PublishedState } from "./state.ts";

export interface Sourced {
  readonly store: Store;
  readonly trust: Trust;
  readonly head: Head;
  /** For what stock clients check: only the views that have such documents ask it. */
  readonly signers: Pick<Signers, "openpgp">;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Where clients reach the store; ends in `/`. */
  readonly publicUrl: string;
}

/** Log and pool as of the head. */
export function changeSource(options: Sourced, state: PublishedState): ViewSource & ChangeSource {
  const earlier = earlierIn(options);
  const log = logSource(options, state, earlier);
  return {
    ...log,
    standing: earlier.standing,
    settled: state.stored.catalog.size,
    async *channels(name) {
      for await (const { shows } of channels(state.catalog, name)) {
        const leaf = await log.leaf(shows.leaf);
        if (leaf?.type === "channel" && leaf.name === name) yield { index: shows.leaf, leaf };
      }
    },
  };
}

function logSource({ store, trust, head }: Sourced, state: PublishedState, earlier: Earlier): ViewSource & ShownSource {
  const { checkpoint } = head;
  const { size } = checkpoint;
  const tiles = tileReader(store, size);
  const read = state.grownFrom === undefined ? tiles : knowing(state.grownFrom, tiles);
  const tail = new Map(state.tail.map(({ index, bytes }) => [index, bytes]));
  const entry = async (index: number) => tail.get(index) ?? (await readEntry(store, { index, size }));
  return {
    logId: parseVkey(trust.log).id,
    checkpoint,
    entry,
    prove: (index) => inclusionProof({ index, size }, read),
    leaf: async (index) => {
      const known = tail.get(index) ?? earlier.entries.get(index);
      const bytes = known ?? (await readEntry(store, { index, size }));
      if (known === undefined) {
        const proof = await inclusionProof({ index, size }, read);
        verifyInclusion({ index, size, leaf: leafHash(bytes), proof, root: checkpoint.root });
      }
      const parsed = parseEntry(bytes, index);
      return parsed.sort === "leaf" && isSound(parsed, index, trust) ? parsed.leaf : undefined;
    },
    blob: async (blob) => earlier.blobs.get(blob.sha256) ?? readWholeBlob(store, poolKey(blob), blob.sha256),
    releaseIndex: async (name, version) => (await findRelease(state.catalog, name, version))?.leaf,
    withdrawal: (name, version) => findWithdrawal(state.catalog, name, version),
  };
}

export function repositorySource(
  options: Sourced,
  { catalog, stored }: PublishedState,
  log: ShownSource,
): Omit<RepositorySource, keyof (ViewSource & ChangeSource) | "changes" | "afresh"> {
  return {
    origin: options.trust.origin,
    publicUrl: options.publicUrl,
    signer: viewSigner(options),
    releaseKeys: options.trust.release,
    openpgpKeys: options.trust.openpgp,
    object: (key, sha256) => readOwn(options.store, key, sha256),
    async isNew(name) {
      for await (const { leaf } of releases(catalog, name)) if (leaf < stored.catalog.size) return false;
      return true;
    },
    async *aliases(name, version) {
      for await (const { release } of aliases(catalog, name)) if (release.version === version) yield release.leaf;
    },
    async *releases(name) {
      for await (const { leaf } of releases(catalog, name)) {
        const shown = await soundReleaseAt(leaf, log);
        if (shown?.release.name === name) yield shown;
      }
    },
  };
}

/** What a view wrote: when it is spoilt, the views can be written anew. Throws OBJECT_MISSING, STORE_CORRUPT. */
async function readOwn(store: Store, key: string, sha256: Digest): Promise<Uint8Array> {
  try {
    return await readWholeBlob(store, key, sha256);
  } catch (cause) {
    if (!isKilnError(cause, "NOT_FOUND", "STORE_CORRUPT")) throw cause;
    const code = cause.code === "NOT_FOUND" ? "OBJECT_MISSING" : "STORE_CORRUPT";
    throw new KilnError(code, cause.message, {
      hint: "`kiln views rebuild` writes it anew from the log; `kiln audit` says what else is wrong",
      details: cause.details,
      cause,
    });
  }
}

export function viewSigner({ signers, now, trust }: Sourced): ViewSigner {
  return {
    keys: trust.openpgp.map(({ publicKey }) => publicKey),
    now,
    validFor: (channel) => validityOf(trust, channel),
    signText: (text) => signers.openpgp.signText(text, now),
    signBytes: (bytes, when = now) => signers.openpgp.signBytes(bytes, when),
  };
}
