// What only the order of the leaves shows: one release per version and per commit, aliases that stay, channel moves that
// follow one another. The catalog is a fold over the same leaves, so its rows are made here, and kept as fingerprints.

import { canonicalText } from "../../artifact/json.ts";
import type { Leaf } from "../../artifact/leaf.ts";
import { keys } from "../../artifact/pool.ts";
import { KilnError } from "../../errors.ts";
import { type CatalogReader, rowsOfLeaf } from "../../views/catalog.ts";
import type { Findings } from "../findings.ts";
import { fingerprintOf, type FingerprintTable, fingerprintTable } from "./fingerprints.ts";

export interface History {
  /** The catalog's rows, key by key, after its size. */
  readonly rows: FingerprintTable;
  /** The leaf index of the newest move, by the key of the channel's document. */
  readonly moves: ReadonlyMap<string, number>;
  /** The leaf index of a release, or of the alias, by the key of its document. */
  readonly documents: ReadonlyMap<string, number>;
  add(index: number, leaf: Leaf): Promise<void>;
}

/** `catalogSize`: how many leaves the stored catalog has taken in. */
export function newHistory(catalogSize: number, findings: Findings): History {
  const rows = fingerprintTable();
  const releases = new Map<string, string>();
  const claims = new Map<string, string>();
  const documents = new Map<string, number>();
  const moves = new Map<string, number>();
  const counters = new Map<string, number>();
  // The fold only asks whether a row is there.
  const known: CatalogReader = {
    row: async (key) => (rows.has(fingerprintOf(key)) ? true : undefined),
    rows: () => {
      throw new TypeError("the fold reads no range");
    },
  };
  return {
    rows,
    moves,
    documents,
    async add(index, leaf) {
      findings.check(`log entry ${index}`, () => check(index, leaf));
      if (index >= catalogSize) return;
      for (const [key, row] of await rowsOfLeaf(index, leaf, known)) {
        rows.set(fingerprintOf(key), fingerprintOf(canonicalText(row)));
      }
    },
  };

  function check(index: number, leaf: Leaf): void {
    if (leaf.type === "release") return checkRelease(index, leaf);
    const released = releases.get(`${leaf.name}@${leaf.version}`);
    if (released !== leaf.manifest) {
      throw new KilnError(
        "CHANNEL_CONFLICTING",
        `log entry ${index}: it points at ${leaf.name}@${leaf.version}, of which there is ${released ?? "no release"}`,
      );
    }
    if (leaf.type === "alias") return checkAlias(index, leaf);
    checkMove(index, leaf);
  }

  function checkRelease(index: number, leaf: Leaf & { type: "release" }): void {
    const version = `${leaf.name}@${leaf.version}`;
    if (releases.has(version)) throw conflict(index, `a second release ${version}`);
    const claim = leaf.claims && `${leaf.name} ${leaf.claims.commit} ${leaf.claims.recipe}`;
    if (claim !== null && claims.has(claim)) {
      throw conflict(index, `a second release of the commit ${leaf.claims?.commit} besides ${claims.get(claim)}`);
    }
    releases.set(version, leaf.manifest);
    if (claim !== null) claims.set(claim, version);
    documents.set(keys.release(leaf.name, leaf.version), index);
  }

  function checkAlias(index: number, leaf: Leaf & { type: "alias" }): void {
    const key = keys.release(leaf.name, leaf.alias);
    if (documents.has(key)) throw conflict(index, `a second meaning of ${leaf.name}@${leaf.alias}`);
    documents.set(key, index);
  }

  function checkMove(index: number, leaf: Leaf & { type: "channel" }): void {
    const key = keys.channel(leaf.name, leaf.channel);
    const before = moves.get(key) ?? null;
    const counter = (counters.get(key) ?? 0) + 1;
    moves.set(key, index);
    counters.set(key, leaf.counter);
    if (leaf.counter === counter && leaf.follows === before) return;
    throw new KilnError(
      "CHANNEL_CONFLICTING",
      `log entry ${index}: got move ${leaf.counter} after leaf ${leaf.follows}, want move ${counter} after leaf ${before}`,
    );
  }
}

function conflict(index: number, what: string): KilnError {
  return new KilnError("RELEASE_CONFLICT", `log entry ${index}: got ${what}, want the first to stay the only one`);
}
