import { expect, test } from "vitest";

import { proveEntry } from "../../src/log/inclusion.ts";
import { verifyInclusion } from "../../src/log/merkle.ts";
import { tileReader, tilesToWrite } from "../../src/log/tiles.ts";
import { numberedLeaves, referenceInclusion, referenceRoot } from "./reference.ts";
import { makeShelf } from "./shelf.ts";

const leaves = numberedLeaves(600);

async function shelfOf(size: number) {
  const shelf = makeShelf();
  const read = tileReader(shelf, 0);
  shelf.put(await tilesToWrite({ from: 0, leafHashes: leaves.slice(0, size), read }));
  return shelf;
}

test("an entry is proven in the checkpoint's tree", async () => {
  const checkpoint = { size: 600, root: referenceRoot(leaves) };
  const read = tileReader(await shelfOf(600), 600);
  for (const index of [0, 1, 255, 256, 511, 512, 598, 599]) {
    const proof = await proveEntry({ index, checkpoint }, read);
    expect(proof).toEqual(referenceInclusion(index, leaves));
    verifyInclusion({ index, size: 600, leaf: leaves[index]!, proof, root: checkpoint.root });
  }
  await expect(proveEntry({ index: 600, checkpoint }, read)).rejects.toThrow(RangeError);
});

test("no proof is handed out that doesn't lead to the checkpoint's root", async () => {
  const checkpoint = { size: 600, root: referenceRoot(leaves) };
  const shelf = await shelfOf(600);
  for (const [key, bytes] of shelf.objects) {
    const damaged = Buffer.from(bytes);
    damaged[0] = damaged[0]! ^ 1;
    shelf.objects.set(key, damaged);
    // Leaf 520 is the ninth of the last tile, and needs a hash from every tile but those below its own.
    const keyed = key.startsWith("log/tile/1/") || key === "log/tile/0/002.p/88";
    const proving = proveEntry({ index: 520, checkpoint }, tileReader(shelf, 600));
    if (keyed) await expect(proving).rejects.toThrow(expect.objectContaining({ code: "PROOF_INVALID" }));
    else expect(await proving).toEqual(referenceInclusion(520, leaves));
    shelf.objects.set(key, bytes);
  }
});
