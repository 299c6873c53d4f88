// What only the order of the leaves shows: one release per version and per commit, aliases that stay, channel moves that
// follow one another. The catalog is a fold over the same leaves, so its rows are made here, and kept as fingerprints.

import type { ChannelLeaf, Leaf, RefusalLeaf, ReleaseLeaf } from "../../artifact/leaf.ts";
import { keys } from "../../artifact/pool.ts";
import { KilnError } from "../../errors.ts";
import { type CatalogReader, rowsOfLeaf } from "../../views/catalog.ts";
import type { Findings } from "../findings.ts";
import {
  fingerprintOfDigest,
  type FingerprintTable,
  fingerprintTable,
  indexAt,
  placeOf,
  rememberingFingerprints,
} from "./fingerprints.ts";

export interface History {
  /** The catalog's rows, key by key, after its size. */
  readonly rows: FingerprintTable;
  /** The newest move of each channel, by the key of its document: one text per channel, not per move. */
  readonly moves: ReadonlyMap<string, Move>;
  /** What gates refused, in the log's order. */
  readonly refusals: readonly LoggedRefusal[];
  /** Where the release or alias is logged that the document under this key must show; `undefined`: none is. */
  documentIndex(key: string): number | undefined;
  add(index: number, leaf: Leaf): Promise<void>;
}

export interface Move {
  readonly index: number;
  readonly counter: number;
}

export interface LoggedRefusal {
  readonly index: number;
  readonly leaf: RefusalLeaf;
}

/** `catalogSize`: how many leaves the stored catalog has taken in. */
export function newHistory(catalogSize: number, findings: Findings): History {
  const rows = fingerprintTable();
  const manifests = fingerprintTable();
  const claims = fingerprintTable();
  const documents = fingerprintTable();
  const moves = new Map<string, Move>();
  const refusals: LoggedRefusal[] = [];
  // The fold only asks whether a row is there.
  const fingerprintOf = rememberingFingerprints();
  const known: CatalogReader = {
    row: async (key) => (rows.has(fingerprintOf(key)) ? true : undefined),
    rows: () => {
      throw new TypeError("the fold reads no range");
    },
  };
  return {
    rows,
    moves,
    refusals,
    documentIndex(key) {
      const place = documents.get(fingerprintOf(key));
      return place && indexAt(place);
    },
    async add(index, leaf) {
      findings.check(`log entry ${index}`, () => check(index, leaf));
      if (index >= catalogSize) return;
      for (const [key, row] of await rowsOfLeaf(index, leaf, known)) {
        // The fold makes rows in the order of canonical JSON.
        rows.set(fingerprintOf(key), fingerprintOf(JSON.stringify(row)));
      }
    },
  };

  function check(index: number, leaf: Leaf): void {
    if (leaf.type === "release") return checkRelease(index, leaf);
    // What was refused isn't in the log, as a rule: there is nothing that it must agree with.
    if (leaf.type === "refusal") {
      refusals.push({ index, leaf });
      return;
    }
    const released = manifests.get(fingerprintOf(`${leaf.name}@${leaf.version}`));
    if (released === undefined || Buffer.compare(released, fingerprintOfDigest(leaf.manifest)) !== 0) {
      const problem = `it points at ${leaf.name}@${leaf.version} with the manifest ${leaf.manifest}`;
      throw new KilnError("CHANNEL_CONFLICTING", `log entry ${index}: ${problem}, which wasn't released before it`);
    }
    if (leaf.type === "alias") addDocument(index, leaf.name, leaf.alias);
    else if (leaf.type === "channel") checkMove(index, leaf);
  }

  function checkRelease(index: number, leaf: ReleaseLeaf): void {
    addDocument(index, leaf.name, leaf.version);
    manifests.set(fingerprintOf(`${leaf.name}@${leaf.version}`), fingerprintOfDigest(leaf.manifest));
    if (leaf.claims === null) return;
    const claim = fingerprintOf(`${leaf.name} ${leaf.claims.commit} ${leaf.claims.recipe}`);
    const before = claims.get(claim);
    if (before !== undefined) {
      const commit = `the commit ${leaf.claims.commit} besides the one at log entry ${indexAt(before)}`;
      throw conflict(index, `a second release of ${commit}`);
    }
    claims.set(claim, placeOf(index));
  }

  /** A version and an alias are read from the same document: neither may be the other's, or come twice. */
  function addDocument(index: number, name: string, version: string): void {
    const key = fingerprintOf(keys.release(name, version));
    const before = documents.get(key);
    if (before !== undefined) {
      throw conflict(index, `a second ${name}@${version} besides the one at log entry ${indexAt(before)}`);
    }
    documents.set(key, placeOf(index));
  }

  function checkMove(index: number, leaf: ChannelLeaf): void {
    const key = keys.channel(leaf.name, leaf.channel);
    const before = moves.get(key);
    const counter = (before?.counter ?? 0) + 1;
    const follows = before?.index ?? null;
    moves.set(key, { index, counter: leaf.counter });
    if (leaf.counter === counter && leaf.follows === follows) return;
    throw new KilnError(
      "CHANNEL_CONFLICTING",
      `log entry ${index}: got move ${leaf.counter} after leaf ${leaf.follows}, want move ${counter} after leaf ${follows}`,
    );
  }
}

function conflict(index: number, what: string): KilnError {
  return new KilnError("RELEASE_CONFLICT", `log entry ${index}: got ${what}, want the first to stay the only one`);
}
