// A yum repository as a mirror takes it over: a generation is signed and holds no address, so it is copied as it is; mirrorlist and
// kiln.repo hold the mirror's own. The packages below the plain address are linked from the mirror's pool. It never goes back.

import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";

import { verifyOpenPgp } from "../../artifact/openpgp.ts";
import { isKilnError, KilnError } from "../../errors.ts";
import type { MirroredStore, RepositorySource, Standing, ViewTarget } from "../view.ts";
import { indexes, indexOf, indexPath, parseYumState, type Way, yumHint, yumKeys, type YumState } from "./generation.ts";
import { mirrorlistText, parseMirrorlist, repoFileText, repomdText } from "./repomd.ts";

interface Generation {
  readonly channel: string;
  readonly from: MirroredStore;
  readonly digest: string;
  readonly state: YumState;
  readonly stateBytes: Uint8Array;
  /** Of repomd.xml, as each way in has it. */
  readonly signatures: Readonly<Record<Way, Uint8Array>>;
}

/** Throws STORE_CORRUPT, SIGNATURE_INVALID, NOT_FOUND. */
export async function* mirrorRepositories(from: MirroredStore): AsyncGenerator<Standing> {
  for (const channel of from.channels) {
    const keys = yumKeys(channel);
    const found = await from.read(keys.pointer);
    if (found === undefined) continue;
    const digest = parseMirrorlist(found, keys.pointer);
    const stateBytes = await from.object(keys.state(digest), digest);
    const state = parseYumState(stateBytes, keys.state(digest));
    const signed = (way: Way) => signatureOf({ channel, from, digest, state }, way);
    const signatures = { generation: await signed("generation"), plain: await signed("plain") };
    const generation = { channel, from, digest, state, stateBytes, signatures };
    yield { size: state.size, copy: (target, source) => copyGeneration(generation, target, source) };
  }
}

/** Throws STORE_CORRUPT, SIGNATURE_INVALID: the plain address may be between two generations. */
async function signatureOf(
  { channel, from, digest, state }: Omit<Generation, "stateBytes" | "signatures">,
  way: Way,
): Promise<Uint8Array> {
  const key = yumKeys(channel).signature(way, digest);
  const found = await from.read(key);
  if (found === undefined) throw new KilnError("STORE_CORRUPT", `${key}: got no such object`, { hint: yumHint });
  await verifyOpenPgp({
    signature: found.toString("latin1"),
    keys: from.keys,
    state: createHash("sha256").update(repomdText(state, digest, way)),
    now: from.now,
    what: key,
  });
  return found;
}

async function copyGeneration(generation: Generation, target: ViewTarget, source: RepositorySource): Promise<void> {
  const { channel, digest, state, stateBytes, signatures } = generation;
  const keys = yumKeys(channel);
  for (const name of indexes) await target.once(...(await indexFile(generation, name, "generation")));
  const [plainKey, plain] = await indexFile(generation, "primary", "plain");
  await target.once(plainKey, plain);
  for (const name of ["filelists", "other"] as const) {
    const path = indexPath(name, state.indexes[name]);
    await target.link(keys.index("plain", digest, path), keys.index("generation", digest, path));
  }
  for (const [, location = ""] of gunzipSync(plain)
    .toString("utf8")
    .matchAll(/<location href="(pool\/[^"]+)"\/>/g)) {
    await target.link(`rpm/${channel}/${location}`, location);
  }
  await target.once(keys.state(digest), stateBytes);
  await target.once(keys.repomd("generation", digest), repomdOf(generation, "generation"));
  await target.once(keys.signature("generation", digest), signatures.generation);
  const place = { publicUrl: source.publicUrl, channel };
  await target.copy(keys.repoFile, Buffer.from(repoFileText(place, source.origin)));
  let isNewer = true;
  await target.swap(keys.pointer, async (current) => {
    isNewer = current === undefined || (await isOlder(current, generation, target));
    return isNewer ? Buffer.from(mirrorlistText(place, digest)) : undefined;
  });
  if (!isNewer) return;
  await target.copy(keys.repomd("plain", digest), repomdOf(generation, "plain"));
  await target.copy(keys.signature("plain", digest), signatures.plain);
}

async function indexFile(
  { channel, from, digest, state }: Generation,
  name: (typeof indexes)[number],
  way: Way,
): Promise<[key: string, bytes: Buffer]> {
  const index = indexOf(state, way, name);
  const key = yumKeys(channel).index(way, digest, indexPath(name, index));
  return [key, await from.object(key, index.sha256)];
}

function repomdOf({ state, digest }: Generation, way: Way): Buffer {
  return Buffer.from(repomdText(state, digest, way));
}

/** Whether the target's generation is this one or one before it; one that can't be read is in nobody's way. */
async function isOlder(
  current: Uint8Array,
  { channel, digest, state }: Generation,
  target: ViewTarget,
): Promise<boolean> {
  const keys = yumKeys(channel);
  try {
    const there = parseMirrorlist(current, keys.pointer);
    const bytes = there === digest ? undefined : await target.read(keys.state(there));
    if (bytes === undefined) return true;
    const own = parseYumState(bytes, keys.state(there));
    return own.size < state.size || (own.size === state.size && own.date < state.date);
  } catch (error) {
    if (isKilnError(error, "STORE_CORRUPT")) return true;
    throw error;
  }
}
