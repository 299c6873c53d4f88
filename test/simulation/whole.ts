// What must hold of a store after any run.

import { expect } from "vitest";

import type { Digest } from "../../src/artifact/digest.ts";
import { keys } from "../../src/artifact/pool.ts";
import { settle } from "../../src/log/append.ts";
import { logOf, readCheckpoint } from "../../src/log/checkpoint.ts";
import { emptyEdge, extendEdge, leafHash, rootOf } from "../../src/log/merkle.ts";
import { edgeAt, tileReader } from "../../src/log/tiles.ts";
import { bringUp, rebuildViews } from "../../src/publish/bring-up.ts";
import { readManifest } from "../../src/publish/gates.ts";
import type { Published } from "../../src/publish/group.ts";
import type { Publisher } from "../../src/publish/publisher.ts";
import { emptyCatalog, verifiedEntries } from "../../src/publish/state.ts";
import { readDocument } from "../../src/stores/read.ts";
import type { Store } from "../../src/stores/store.ts";
import { catalogBytes } from "../../src/views/catalog.ts";
import { parseChannelDocument } from "../../src/views/documents.ts";
import { publisher } from "../fixtures/publisher.ts";

/**
 * What must hold after any run, once the next publisher has come by, who is `next`. `acknowledged`: what publishers were told. Answers
 * what gates refused, as NAME@VERSION.
 */
export async function checkStore(
  store: Store,
  acknowledged: readonly Pick<Published, "release">[],
  next: Publisher = publisher(store),
): Promise<ReadonlySet<string>> {
  // Whoever comes next needs no repair step: settling and bringing up is what every publish does.
  const { trust } = next;
  const head = await settle({ store, log: logOf(trust) });
  await bringUp({ ...next, now: next.context.now(), head });

  const shown = await readCheckpoint(store, logOf(trust));
  expect(shown.note).toBe(head.checkpoint.note);
  const size = shown.size;
  const entries = await verifiedEntries({ store, trust, head, from: 0 });
  expect(entries.length).toBe(size);
  expect(
    rootOf(
      extendEdge(
        emptyEdge,
        entries.map(({ bytes }) => leafHash(bytes)),
      ),
    ),
  ).toEqual(shown.root);
  if (size > 0) expect(rootOf(await edgeAt(size, tileReader(store, size)))).toEqual(shown.root);

  const identities = new Map<string, Digest>();
  const claims = new Set<string>();
  const moves = new Map<string, number[]>();
  const coverage = new Map<string, number>();
  const refused = new Set<string>();
  for (const { index, entry, sound } of entries) {
    expect(sound).toBe(true);
    if (entry.sort !== "leaf") continue;
    const { leaf } = entry;
    if (leaf.type === "release") {
      expect(identities.has(`${leaf.name}@${leaf.version}`), "one digest per version").toBe(false);
      identities.set(`${leaf.name}@${leaf.version}`, leaf.manifest);
      const claim = JSON.stringify([leaf.name, leaf.claims]);
      expect(claims.has(claim), "one release per commit").toBe(false);
      claims.add(claim);
      expect(await store.head(keys.release(leaf.name, leaf.version))).toBeDefined();
    } else if (leaf.type === "channel") {
      const key = keys.channel(leaf.name, leaf.channel);
      const before = moves.get(key) ?? [];
      expect(leaf.counter, "one move after the other").toBe(before.length + 1);
      expect(leaf.follows).toBe(before.at(-1) ?? null);
      moves.set(key, [...before, index]);
      const lines = await linesOf(store, leaf.manifest);
      if (lines === undefined || leaf.channel !== "staging") continue;
      expect(lines, "a ratchet goes one way").toBeGreaterThanOrEqual(coverage.get(key) ?? 0);
      coverage.set(key, lines);
    } else if (leaf.type === "refusal") {
      refused.add(`${leaf.name}@${leaf.version}`);
    }
  }
  for (const [key, indexes] of moves) {
    const document = await readDocument(store, key);
    expect(parseChannelDocument(document?.bytes ?? Buffer.of(), key).move.index).toBe(indexes.at(-1));
  }
  for (const { release } of acknowledged) {
    expect(identities.get(`${release.name}@${release.version}`), "nothing acknowledged is lost").toBe(release.manifest);
  }
  await checkCatalogIsAFold(next);
  return refused;
}

/** What a ratchet of `bakeOf` compares. */
async function linesOf(store: Store, manifest: Digest): Promise<number | undefined> {
  const { artifacts } = await readManifest(store, manifest);
  return (artifacts[0]?.record["numbers"] as { lines: number } | undefined)?.lines;
}

async function checkCatalogIsAFold(next: Publisher): Promise<void> {
  const { store } = next;
  const before = await readDocument(store, keys.catalog);
  await rebuildViews({ ...next, now: next.context.now() });
  expect((await readDocument(store, keys.catalog))?.bytes.toString()).toBe(
    Buffer.from(before?.bytes ?? catalogBytes(emptyCatalog)).toString(),
  );
}
