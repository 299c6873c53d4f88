// The apt repositories of a store: each channel's InRelease is signed by a trusted key, what it names is there, and its packages
// are those that the log's moves give, stanza by stanza. An InRelease that a publisher is about to write is a note.

import { gunzipSync } from "node:zlib";

import { type Digest, digestOf } from "../../artifact/digest.ts";
import { isKilnError, KilnError } from "../../errors.ts";
import { readDocument, readWholeBlob } from "../../stores/read.ts";
import { readInRelease } from "../../views/apt/release.ts";
import { parseStanzas, type Stanza, stanzasOf } from "../../views/apt/stanza.ts";
import { parseSuiteState, placeOf, stands, type SuiteState, suiteKeys } from "../../views/apt/suite.ts";
import { textsOf } from "../../views/compressed-index.ts";
import { shownAfter, type ShownSource } from "../../views/shown.ts";
import type { DocumentsToCheck } from "./documents.ts";
import { noteBehind } from "./predicted.ts";
import { isMoving, isTaken, movesByChannel, shownSource } from "./shown.ts";

/** `now`: milliseconds since 1970. */
export interface RepositoriesToCheck extends DocumentsToCheck {
  /** Where the store is reached; `undefined`: it doesn't say, which is a finding. */
  readonly publicUrl: string | undefined;
  readonly now: number;
}

export async function checkApt(options: RepositoriesToCheck): Promise<void> {
  // A suite is signed as a whole: a mirror of some names has none.
  if (options.part?.names !== undefined) return;
  for (const [channel, moves] of movesByChannel(options)) {
    const key = suiteKeys(channel).inRelease;
    await options.findings.checkAsync(key, () => checkSuite({ channel, moves }, options));
  }
}

interface Suite {
  readonly channel: string;
  /** Leaf indexes of the newest move of each name. */
  readonly moves: readonly number[];
}

/** Throws OBJECT_MISSING, VIEW_MISMATCH, SIGNATURE_INVALID, STORE_CORRUPT, DIGEST_MISMATCH. */
async function checkSuite({ channel, moves }: Suite, options: RepositoriesToCheck): Promise<void> {
  const { store, trust, findings, now } = options;
  const at = suiteKeys(channel);
  const found = await readDocument(store, at.inRelease);
  if (found === undefined) {
    const wanted = await wantedStanzas(moves, options);
    if (wanted === undefined || wanted.length === 0) return;
    if (!(await isTaken(moves, options))) return noteBehind(at.inRelease, options);
    throw new KilnError("OBJECT_MISSING", `${at.inRelease}: got no such object, want ${wanted.length} packages`);
  }
  const signer = { keys: trust.openpgp.map(({ publicKey }) => publicKey), now };
  const { text, state: digest } = await readInRelease(found.bytes, at.inRelease, signer);
  const expires = Date.parse(/^Valid-Until: (.*)$/m.exec(text)?.[1] ?? "");
  if (expires < now) {
    const message = `${at.inRelease}: got one that was valid until ${new Date(expires).toISOString()}`;
    findings.add({ code: "VIEW_EXPIRED", severity: "error", subject: at.inRelease, message });
  }
  const state = parseSuiteState(await readWholeBlob(store, at.state(digest), digest), at.state(digest));
  if (await isMoving({ moves, size: state.size }, options)) return noteBehind(at.inRelease, options);
  const wanted = await wantedStanzas(moves, options);
  if (wanted === undefined) return;
  // A component or an architecture that has no index at all.
  const lost = wanted.find((one) => !Object.keys(state.indexes).some((name) => stands(one, name)));
  if (lost !== undefined) {
    throw new KilnError(
      "VIEW_MISMATCH",
      `${at.inRelease}: got no index that has ${lost.component}/${lost.architecture}`,
    );
  }
  for (const [name, index] of Object.entries(state.indexes)) {
    const { path } = placeOf(name);
    await findings.checkAsync(at.path(path), () => checkIndex({ path, name, index, text, channel, wanted }, options));
  }
}

interface Index {
  readonly channel: string;
  /** Below the suite, without an ending. */
  readonly path: string;
  /** In the state. */
  readonly name: string;
  readonly index: SuiteState["indexes"][string];
  /** Of the Release. */
  readonly text: string;
  readonly wanted: readonly Stanza[];
}

async function checkIndex(
  { channel, path, name, index, text, wanted }: Index,
  { store }: RepositoriesToCheck,
): Promise<void> {
  const at = suiteKeys(channel);
  const read = (form: keyof typeof index.files) => {
    requireListed(text, `${path}.${form}`, index.files[form]);
    return readWholeBlob(store, at.byHash(path, index.files[form]), index.files[form]);
  };
  const [zst, gz] = await Promise.all([read("zst"), read("gz"), read("xz")]);
  const plain = Buffer.concat([...textsOf<"zst">({ pieces: index.pieces, files: { zst } })]);
  requireListed(text, path, digestOf(plain));
  requireListed(text, path, digestOf(gunzipSync(gz)));
  const got = parseStanzas(plain.toString("utf8"));
  const want = new Map(wanted.flatMap((one) => (stands(one, name) ? [[one.key, one.text]] : [])));
  const other = [...new Set([...got.keys(), ...want.keys()])].find((key) => got.get(key) !== want.get(key));
  if (other === undefined) return;
  const problem = want.has(other) ? (got.has(other) ? "another stanza" : "no stanza") : "a stanza that no move gives";
  throw new KilnError("VIEW_MISMATCH", `${at.path(path)}: got ${problem} of ${other.split(" ").slice(0, 2).join(" ")}`);
}

/** Throws VIEW_MISMATCH. */
function requireListed(text: string, path: string, digest: Digest): void {
  if (new RegExp(`^ ${digest} +\\d+ ${path.replaceAll(".", "\\.")}$`, "m").test(text)) return;
  throw new KilnError("VIEW_MISMATCH", `${path}: got the digest ${digest}, want the one that InRelease has`);
}

/** `undefined`: a manifest can't be read, which is a finding about its release, and nothing more can be said here. */
async function wantedStanzas(moves: readonly number[], options: RepositoriesToCheck): Promise<Stanza[] | undefined> {
  try {
    return await stanzasAfter(moves, shownSource(options));
  } catch (error) {
    if (isKilnError(error, "NOT_FOUND", "STORE_CORRUPT")) return undefined;
    throw error;
  }
}

/** The newer a release, the later it stands: of two stanzas under one key the last counts. */
async function stanzasAfter(moves: readonly number[], source: ShownSource): Promise<Stanza[]> {
  const stanzas: Stanza[] = [];
  for (const index of moves) {
    const leaf = await source.leaf(index);
    if (leaf?.type !== "channel") continue;
    const shown = await shownAfter({ leaf }, source);
    const fresh = shown.filter(({ yanked }) => yanked === null);
    stanzas.push(...fresh.flatMap(({ manifest }) => stanzasOf(manifest)).toReversed());
  }
  return stanzas;
}
