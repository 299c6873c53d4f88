// The pages over a log and a pool in memory, without signatures: leaves are put there as a test wants them, and taken in by the view
// as it wants, one by one or at once. Counts what the view asks of a store.

import { createHash } from "node:crypto";

import { digestOf } from "../../src/artifact/digest.ts";
import { canonicalBytes } from "../../src/artifact/json.ts";
import type { Leaf, ReleaseLeaf } from "../../src/artifact/leaf.ts";
import { manifestBytes } from "../../src/artifact/manifest.ts";
import { recordOrder } from "../../src/artifact/records.ts";
import type { Bake } from "../../src/publish/bake-folder.ts";
import type { RepositorySource, TakenLeaf, ViewTarget } from "../../src/views/view.ts";
import { webView } from "../../src/views/web/web.ts";
import { trust } from "../fixtures/publisher.ts";

export const publicUrl = "https://releases.example.com/kiln/";

export interface WebWorld {
  readonly objects: Map<string, Uint8Array>;
  /** `once KEY`, `get KEY`, `put KEY`, in order. */
  readonly requests: string[];
  readonly leaves: readonly TakenLeaf[];
  /** Appends a release, and answers its leaf. */
  release(bake: Bake): Promise<ReleaseLeaf>;
  append(leaf: Leaf): void;
  /** Takes in everything from `from` on, which has been taken in before in part or not at all. */
  take(from?: number): Promise<void>;
  /** The same log and pool, with all pages made at once. */
  afresh(): Promise<ReadonlyMap<string, Uint8Array>>;
}

export function webWorld(): WebWorld {
  const objects = new Map<string, Uint8Array>();
  const requests: string[] = [];
  const leaves: TakenLeaf[] = [];
  const pool = new Map<string, Uint8Array>();
  let index = 0;
  let taken = 0;
  const sourceOf = (pages: Map<string, Uint8Array>, afresh: boolean) =>
    ({
      origin: trust.origin,
      releaseKeys: trust.release,
      openpgpKeys: trust.openpgp,
      publicUrl,
      afresh,
      leaf: async (at: number) => leaves.find((one) => one.index === at)?.leaf,
      blob: async ({ sha256 }: { sha256: string }) => bytesOr(pool.get(sha256), sha256),
      releaseIndex: async (name: string, version: string) =>
        leaves.find(({ leaf }) => leaf.type === "release" && leaf.name === name && leaf.version === version)?.index,
      isNew: async () => false,
      object: async (key: string, sha256: string) => {
        requests.push(`get ${key}`);
        const bytes = bytesOr(pages.get(key), key);
        if (digestOf(bytes) !== sha256) throw new Error(`${key}: another digest`);
        return bytes;
      },
    }) as unknown as RepositorySource;
  const targetOf = (pages: Map<string, Uint8Array>): ViewTarget => ({
    async once(key, bytes) {
      requests.push(`once ${key}`);
      if (pages.has(key)) return "kept";
      pages.set(key, bytes);
      return "made";
    },
    async swap(key, next) {
      requests.push(`get ${key}`);
      const bytes = await next(pages.get(key));
      if (bytes === undefined) return;
      requests.push(`put ${key}`);
      pages.set(key, bytes);
    },
    read: async (key) => pages.get(key),
    link: async () => {
      throw new Error("no page is a copy of a blob");
    },
    copy: async (key, bytes) => {
      pages.set(key, bytes);
      return "other";
    },
  });
  return {
    objects,
    requests,
    leaves,
    async release(bake) {
      const { manifest, identity } = bake;
      pool.set(identity, manifestBytes(manifest));
      for (const { sbom } of manifest.artifacts) pool.set(sbom.sha256, await wholeOf(bake.open(sbom)));
      const signature = createHash("sha256").update(identity).digest("base64");
      const signatures = canonicalBytes({
        kiln: 1,
        manifest: identity,
        publicKey: trust.release[0]?.publicKey,
        artifacts: manifest.artifacts.map(({ name }) => ({ name, openpgp: "x", signature, sbom: signature })),
        provenance: signature,
      });
      pool.set(digestOf(signatures), signatures);
      const entries = recordOrder(manifest).count;
      index += entries;
      const leaf: ReleaseLeaf = {
        type: "release",
        kiln: 1,
        name: manifest.name,
        version: manifest.version,
        manifest: identity,
        time: 1_770_000_000 + index,
        signatures: digestOf(signatures),
        entries,
        claims: null,
        bakeKey: manifest.bakeKey,
      };
      leaves.push({ index: index++, leaf });
      return leaf;
    },
    append(leaf) {
      leaves.push({ index: index++, leaf });
    },
    async take(from = taken) {
      const some = leaves.filter((one) => one.index >= from);
      await webView.take(some, sourceOf(objects, false), targetOf(objects));
      taken = index;
    },
    async afresh() {
      const pages = new Map<string, Uint8Array>();
      await webView.take(leaves, sourceOf(pages, true), targetOf(pages));
      return pages;
    },
  };
}

/** What the leaves about a release have in common. */
export function about({ name, version, manifest, time }: ReleaseLeaf) {
  return { kiln: 1, name, version, manifest, time } as const;
}

function bytesOr(bytes: Uint8Array | undefined, what: string): Uint8Array {
  if (bytes === undefined) throw new Error(`${what}: there is none`);
  return bytes;
}

async function wholeOf(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  return Buffer.concat(await Array.fromAsync(pieces));
}
