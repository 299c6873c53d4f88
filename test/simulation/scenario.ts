// What the simulated publishers publish, with keys and signatures that are the same in every run, and what must hold of
// a store after any run.

import { createHash, createPrivateKey, type Hash, sign } from "node:crypto";

import { p256 } from "@noble/curves/nist.js";
import { expect } from "vitest";

import { type Digest, digestOf } from "../../src/artifact/digest.ts";
import { canonicalBytes } from "../../src/artifact/json.ts";
import { vkeyOf } from "../../src/artifact/log-key.ts";
import { type Blob, type Manifest, manifestBytes } from "../../src/artifact/manifest.ts";
import { beside, keys, poolKey } from "../../src/artifact/pool.ts";
import type { Trust } from "../../src/artifact/trust.ts";
import type { Context } from "../../src/context.ts";
import { settle } from "../../src/log/append.ts";
import { readCheckpoint } from "../../src/log/checkpoint.ts";
import { emptyEdge, extendEdge, leafHash, rootOf } from "../../src/log/merkle.ts";
import { tileReader, edgeAt } from "../../src/log/tiles.ts";
import type { Bake } from "../../src/publish/bake-folder.ts";
import { bringUp, rebuildViews } from "../../src/publish/bring-up.ts";
import { logOf, type Publisher } from "../../src/publish/publisher.ts";
import type { Published } from "../../src/publish/release.ts";
import { emptyCatalog, verifiedEntries } from "../../src/publish/state.ts";
import { silent } from "../../src/report.ts";
import type { Signers } from "../../src/sign/signers.ts";
import { readDocument } from "../../src/stores/read.ts";
import type { Store } from "../../src/stores/store.ts";
import { catalogBytes } from "../../src/views/catalog.ts";
import { parseChannelDocument } from "../../src/views/documents.ts";

const origin = "kiln.test";
const pause = async () => {};

export const { signers, trust } = cast();

export function context(): Context {
  return { now: () => 1_700_000_000_000, signal: new AbortController().signal, report: silent, env: {}, cwd: "/" };
}

export function publisher(store: Store): Publisher {
  return { store, trust, signers, context: context(), pause };
}

/** A bake with one artifact, in memory. `content` makes other bytes of the same version. */
export function bakeOf(options: { name: string; version: string; commit: string; content?: string }): Bake {
  const { name, version, commit, content = "" } = options;
  const bytes = new Map<Digest, Uint8Array>();
  const blob = (file: string, body: Uint8Array): Blob => {
    bytes.set(digestOf(body), body);
    return { file, size: body.length, sha256: digestOf(body) };
  };
  const artifact = blob(`${name}-${version}.bin`, Buffer.from(`${name} ${version} ${commit} ${content}`));
  const manifest: Manifest = {
    kiln: 1,
    name,
    version,
    source: { repository: null, commit: commit.padEnd(40, "0"), recipe: "kiln.yaml", time: 1_600_000_000 },
    bakeKey: digestOf(`${name} ${commit}`),
    artifacts: [
      {
        name: "app",
        kind: "archive",
        platform: "any",
        ...artifact,
        record: {},
        sbom: blob(`${artifact.file}.cdx.json`, canonicalBytes({ bomFormat: "CycloneDX", specVersion: "1.6" })),
      },
    ],
    provenance: blob("provenance.json", canonicalBytes({ subject: [] })),
    activate: {},
  };
  return {
    manifest,
    identity: digestOf(manifestBytes(manifest)),
    async *open({ sha256 }) {
      yield bytes.get(sha256) as Uint8Array;
    },
  };
}

/** What must hold after any run, once the next publisher has come by. `acknowledged`: what publishers were told. */
export async function checkStore(store: Store, acknowledged: readonly Published[]): Promise<void> {
  // Whoever comes next needs no repair step: settling and bringing up is what every publish does.
  const head = await settle({ store, log: logOf(trust) });
  await bringUp({ store, trust, head, pause });

  const shown = await readCheckpoint(store, logOf(trust));
  expect(shown.note).toBe(head.checkpoint.note);
  const size = shown.size;
  const entries = await verifiedEntries({ store, trust, head, from: 0 });
  expect(entries.length).toBe(size);
  expect(rootOf(extendEdge(emptyEdge, entries.map(({ bytes }) => leafHash(bytes))))).toEqual(shown.root);
  if (size > 0) expect(rootOf(await edgeAt(size, tileReader(store, size)))).toEqual(shown.root);

  const identities = new Map<string, Digest>();
  const moves = new Map<string, number[]>();
  for (const { index, entry, sound } of entries) {
    expect(sound).toBe(true);
    if (entry.sort !== "leaf") continue;
    const { leaf } = entry;
    if (leaf.type === "release") {
      expect(identities.has(`${leaf.name}@${leaf.version}`), "one digest per version").toBe(false);
      identities.set(`${leaf.name}@${leaf.version}`, leaf.manifest);
      expect(await store.head(keys.release(leaf.name, leaf.version))).toBeDefined();
    } else if (leaf.type === "channel") {
      const key = keys.channel(leaf.name, leaf.channel);
      const before = moves.get(key) ?? [];
      expect(leaf.counter, "one move after the other").toBe(before.length + 1);
      expect(leaf.follows).toBe(before.at(-1) ?? null);
      moves.set(key, [...before, index]);
    }
  }
  for (const [key, indexes] of moves) {
    const document = await readDocument(store, key);
    expect(parseChannelDocument(document?.bytes ?? Buffer.of(), key).move.index).toBe(indexes.at(-1));
  }
  for (const { release } of acknowledged) {
    expect(identities.get(`${release.name}@${release.version}`), "nothing acknowledged is lost").toBe(release.manifest);
  }
  await checkCatalogIsAFold(store, head);
}

async function checkCatalogIsAFold(store: Store, head: Awaited<ReturnType<typeof settle>>): Promise<void> {
  const before = await readDocument(store, keys.catalog);
  await rebuildViews({ store, trust, head, pause });
  expect((await readDocument(store, keys.catalog))?.bytes.toString()).toBe(
    Buffer.from(before?.bytes ?? catalogBytes(emptyCatalog)).toString(),
  );
}

/** The keys beside an artifact that a bake's release must have. */
export function besideKeys(bake: Bake): string[] {
  return bake.manifest.artifacts.flatMap((artifact) => Object.values(beside).map((end) => poolKey(artifact) + end));
}

/** Keys and signers without randomness: the same message always has the same signature. */
function cast(): { signers: Signers; trust: Trust } {
  const secret = createHash("sha256").update("the release key of the simulation").digest();
  const point = p256.getPublicKey(secret, false);
  const spki = Buffer.concat([Buffer.from("3059301306072a8648ce3d020106082a8648ce3d030107034200", "hex"), point]);
  const publicKey = spki.toString("base64");
  const made = new Map<string, string>();
  const signDigest = (digest: Uint8Array): string => {
    const key = Buffer.from(digest).toString("hex");
    const signature = made.get(key) ?? derOf(p256.sign(digest, secret, { prehash: false, format: "der" }));
    made.set(key, signature);
    return signature;
  };
  const seed = createHash("sha256").update("the log key of the simulation").digest();
  const logKey = createPrivateKey({
    key: Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]),
    format: "der",
    type: "pkcs8",
  });
  const raw = Buffer.from((logKey.export({ format: "jwk" }) as { x: string }).x, "base64url");
  const vkey = vkeyOf(origin, raw);
  const signers: Signers = {
    log: { name: origin, vkey, sign: (text) => sign(null, text, logKey) },
    release: {
      publicKey,
      sign: (bytes) => signDigest(createHash("sha256").update(bytes).digest()),
      signDigest,
    },
    openpgp: {
      fingerprint: "0".repeat(40),
      publicKey: "",
      signState: async (state: Hash) => `signature of ${state.copy().digest("hex")}\n`,
    },
  };
  const span = { from: 0, until: null };
  const release = [{ publicKey, names: ["*"], channels: ["*"], ...span }];
  const openpgp = [{ fingerprint: "0".repeat(40), publicKey: "", ...span }];
  return { signers, trust: { kiln: 1, origin, log: vkey, release, openpgp } };
}

function derOf(signature: Uint8Array): string {
  return Buffer.from(signature).toString("base64");
}

