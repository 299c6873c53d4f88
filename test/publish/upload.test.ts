import { expect, test } from "vitest";

import { publishRelease } from "../../src/publish/release.ts";
import type { Store } from "../../src/stores/store.ts";
import { audit } from "../../src/verify/audit/audit.ts";
import { openMemoryStore } from "../faults/memory-store.ts";
import { buildStore, makeBake, testContext } from "../fixtures/store-builder.ts";

/** As stores do that give large pieces' memory back at once. */
function taking(store: Store): Store {
  async function* emptied(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const piece of body) {
      const own = Uint8Array.from(piece);
      if (piece.buffer.byteLength === piece.byteLength) (piece.buffer as ArrayBuffer).transfer(0);
      yield own;
    }
  }
  return { ...store, create: (key, body) => store.create(key, body instanceof Uint8Array ? body : emptied(body)) };
}

test("what is signed is what was baked, though the store takes the memory of what it is given", async () => {
  const store = openMemoryStore();
  const { publisher, trust } = await buildStore(store);
  const artifacts = { app: Buffer.alloc(300_000, "app"), empty: Buffer.of() };
  const bake = makeBake({ name: "billing", version: "1.0.0", commit: "a", artifacts });
  await publishRelease({ ...publisher, store: taking(store) }, { bake });
  const { findings } = await audit({ store, trust, since: undefined, context: testContext() });
  expect(findings.filter(({ severity }) => severity === "error")).toEqual([]);
});
