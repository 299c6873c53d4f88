// A suite as a mirror takes it over: InRelease is signed and holds no address, so it is copied as it is, after all that it names by
// digest. It never goes back: a suite that has taken in fewer leaves, or has an older date, leaves the target's as it is.

import { createHash } from "node:crypto";

import { verifyOpenPgp } from "../../artifact/openpgp.ts";
import { isKilnError, KilnError } from "../../errors.ts";
import type { MirroredStore, Standing, ViewTarget } from "../view.ts";
import { readInRelease } from "./release.ts";
import { parseSuiteState, preferencesText, suiteKeys, type SuiteKeys, type SuiteState } from "./suite.ts";

interface Suite {
  readonly channel: string;
  readonly from: MirroredStore;
  readonly inRelease: Uint8Array;
  /** Of the Release. */
  readonly text: string;
  readonly date: number;
  readonly digest: string;
  readonly stateBytes: Uint8Array;
  readonly state: SuiteState;
  /** What clients ask for that read no InRelease. */
  readonly usual: readonly (readonly [key: string, bytes: Uint8Array])[];
}

/** Throws STORE_CORRUPT, SIGNATURE_INVALID, NOT_FOUND. */
export async function* mirrorSuites(from: MirroredStore): AsyncGenerator<Standing> {
  for (const channel of from.channels) {
    const suite = await standingSuite(channel, from);
    if (suite !== undefined) yield suite;
  }
}

async function standingSuite(channel: string, from: MirroredStore): Promise<Standing | undefined> {
  const keys = suiteKeys(channel);
  const found = await from.read(keys.inRelease);
  if (found === undefined) return undefined;
  const { text, date, state: digest } = await readInRelease(found, keys.inRelease, from);
  const key = keys.state(digest);
  const stateBytes = await from.object(key, digest);
  const state = parseSuiteState(stateBytes, key);
  // Now, not after all was copied: the source moves on meanwhile.
  const usual = await usualOf({ from, text }, keys);
  const suite = { channel, from, inRelease: found, text, date, digest, stateBytes, state, usual };
  return { size: state.size, copy: (target) => copySuite(suite, target) };
}

async function copySuite(suite: Suite, target: ViewTarget): Promise<void> {
  const { channel, from, text, digest, state, usual } = suite;
  const keys = suiteKeys(channel);
  const files = [...text.matchAll(/^ ([0-9a-f]{64}) +\d+ (\S+\.(?:gz|xz|zst))$/gm)].map(
    ([, sha256 = "", path = ""]) => ({ path, sha256 }),
  );
  for (const { digest: shard } of state.names ?? []) {
    await target.once(keys.state(shard), await from.object(keys.state(shard), shard));
  }
  for (const { path, sha256 } of files) {
    const key = keys.byHash(path, sha256);
    await target.once(key, await from.object(key, sha256));
  }
  await target.once(keys.preferences, Buffer.from(preferencesText({ origin: from.origin, channel })));
  await target.once(keys.state(digest), suite.stateBytes);
  let isNewer = true;
  await target.swap(keys.inRelease, async (current) => {
    isNewer = current === undefined || (await isOlder(current, suite, target));
    return isNewer ? suite.inRelease : undefined;
  });
  if (!isNewer) return;
  for (const { path, sha256 } of files) {
    await target.copy(keys.path(path), await from.object(keys.byHash(path, sha256), sha256));
  }
  for (const [key, bytes] of usual) await target.copy(key, bytes);
}

/** Whether the target's suite is one before this; one that can't be read is in nobody's way. */
async function isOlder(
  current: Uint8Array,
  { channel, from, date, state }: Suite,
  target: ViewTarget,
): Promise<boolean> {
  const keys = suiteKeys(channel);
  try {
    const own = await readInRelease(current, keys.inRelease, from);
    const bytes = await target.read(keys.state(own.state));
    const size = bytes === undefined ? -1 : parseSuiteState(bytes, keys.state(own.state)).size;
    return size < state.size || (size === state.size && own.date < date);
  } catch (error) {
    if (isKilnError(error, "STORE_CORRUPT", "SIGNATURE_INVALID")) return true;
    throw error;
  }
}

/** Release and its signature, for clients that read no InRelease: none when the source is between two of them. Throws STORE_CORRUPT. */
async function usualOf(
  { from, text }: Pick<Suite, "from" | "text">,
  keys: SuiteKeys,
): Promise<[key: string, bytes: Uint8Array][]> {
  const signature = await from.read(keys.signature);
  if (signature === undefined) return [];
  try {
    await verifyOpenPgp({
      signature: signature.toString("latin1"),
      keys: from.keys,
      state: createHash("sha256").update(text),
      now: from.now,
      what: keys.signature,
    });
  } catch (error) {
    if (!isKilnError(error, "SIGNATURE_INVALID", "STORE_CORRUPT")) throw error;
    throw new KilnError("SIGNATURE_INVALID", `${keys.signature}: got no signature of what InRelease says`, {
      cause: error,
    });
  }
  return [
    [keys.release, Buffer.from(text)],
    [keys.signature, signature],
  ];
}
