// Verifying a release in a store: what was published is believed, and absent isn't refused.

import { expect, test } from "vitest";

import { verifyRelease } from "../../src/verify/release.ts";
import { openMemoryStore } from "../faults/memory-store.ts";
import { buildStore, fillStore, testContext } from "../fixtures/store-builder.ts";

test("a published release is verified by version and by alias", async () => {
  const { store, trust, publisher } = await buildStore(openMemoryStore());
  await fillStore(publisher);
  for (const version of ["1.0.0", "1.1.0", "v1.1"]) {
    const result = await verifyRelease({ store, trust, name: "billing", version, context: testContext() });
    expect(result.findings).toEqual([]);
    expect(result.verdict).toBe("verified");
    expect(result.release?.leaf.version).toBe(version === "v1.1" ? "1.1.0" : version);
  }
});
