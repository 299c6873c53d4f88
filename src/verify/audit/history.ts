// What only the order of the leaves shows: one release per version and per commit, aliases that stay, channel moves that
// follow one another, and that nothing leads to what was yanked or retired. The catalog is a fold over the same leaves, so its rows are made here, and kept as fingerprints.

import {
  type AliasLeaf,
  type ChannelLeaf,
  isWithdrawal,
  type Leaf,
  type RefusalLeaf,
  type ReleaseLeaf,
  type WithdrawalLeaf,
} from "../../artifact/leaf.ts";
import { keys } from "../../artifact/pool.ts";
import { KilnError } from "../../errors.ts";
import { type CatalogReader, rowsOfLeaf, type Withdrawal } from "../../views/catalog.ts";
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
  /** What was last said of the release beyond that. */
  withdrawal(name: string, version: string): LoggedWithdrawal;
  /** The newest leaf index of any of that; -1: there is none. */
  newestWithdrawal(): number;
  add(index: number, leaf: Leaf): Promise<void>;
}

export interface Move {
  readonly index: number;
  readonly counter: number;
  /** Of the release that it leads to. */
  readonly version: string;
}

/** Whether a release was taken back, and why. */
export interface LoggedWithdrawal extends Withdrawal {
  /** Leaf index of the newest yank, or of what took it back; `undefined`: it never was. */
  readonly yank: number | undefined;
  readonly retire: number | undefined;
}

const neverSaid: LoggedWithdrawal = { yank: undefined, yanked: null, retire: undefined, retired: null };

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
  // Few: one for each release that was taken back.
  const withdrawals = new Map<string, LoggedWithdrawal>();
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
    newestWithdrawal: () =>
      Math.max(-1, ...[...withdrawals.values()].map(({ yank = -1, retire = -1 }) => Math.max(yank, retire))),
    withdrawal: (name, version) => withdrawals.get(`${name}@${version}`) ?? neverSaid,
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
    if (isWithdrawal(leaf)) return checkWithdrawal(index, leaf);
    if (leaf.type === "alias") addDocument(index, leaf.name, leaf.alias);
    else if (leaf.type === "channel") checkMove(index, leaf);
    if (leaf.type !== "attestation") requireNotTakenBack(index, leaf);
  }

  /** A publisher moves the channels before it yanks what they showed. */
  function checkWithdrawal(index: number, leaf: WithdrawalLeaf): void {
    const release = `${leaf.name}@${leaf.version}`;
    const before = withdrawals.get(release) ?? neverSaid;
    const isRetirement = leaf.type === "retire";
    if (leaf.type !== "retire") {
      withdrawals.set(release, { ...before, yank: index, yanked: leaf.type === "yank" ? leaf.reason : null });
    } else if (before.retire === undefined) {
      withdrawals.set(release, { ...before, retire: index, retired: leaf.reason });
    }
    if (leaf.type === "unyank") return;
    const prefix = keys.channel(leaf.name, "").slice(0, -".json".length);
    for (const [key, { version }] of moves) {
      if (!key.startsWith(prefix) || version !== leaf.version) continue;
      const done = isRetirement ? "retires" : "yanks";
      throw new KilnError(
        "CHANNEL_CONFLICTING",
        `log entry ${index}: it ${done} ${release}, which ${key} shows at that point`,
      );
    }
  }

  function requireNotTakenBack(index: number, leaf: ChannelLeaf | AliasLeaf): void {
    const { yanked, retired } = withdrawals.get(`${leaf.name}@${leaf.version}`) ?? neverSaid;
    if (yanked === null && retired === null) return;
    const problem = `it leads to ${leaf.name}@${leaf.version}, which was ${yanked === null ? "retired" : "yanked"} before`;
    throw new KilnError("CHANNEL_CONFLICTING", `log entry ${index}: ${problem}`);
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
    moves.set(key, { index, counter: leaf.counter, version: leaf.version });
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
