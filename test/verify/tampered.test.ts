// Whatever somebody who owns the store changes is found, and by its own code: one row for each thing.

import { beforeAll, describe, expect, test } from "vitest";

import { isKilnError } from "../../src/errors.ts";
import { audit } from "../../src/verify/audit/audit.ts";
import type { Finding, Verification } from "../../src/verify/findings.ts";
import { verifyRelease } from "../../src/verify/release.ts";
import { testContext } from "../fixtures/store-builder.ts";
import { type PublishedStore, publishedStore, takeOver, type TamperedStore } from "./tampered-store.ts";
import { besides } from "./tampered/beside.ts";
import { documents } from "./tampered/documents.ts";
import { history } from "./tampered/history.ts";
import { log } from "./tampered/log.ts";
import { pool } from "./tampered/pool.ts";

let whole: PublishedStore;

beforeAll(async () => {
  whole = await publishedStore();
});

const areas = { pool, besides, log, documents, history };

for (const [area, rows] of Object.entries(areas)) {
  describe(area, () => {
    test.for(rows)("$title", async ({ tamper, release = [], audit: audited = [], notes = [], releaseNotes = [] }) => {
      const store = takeOver(whole);
      const before = store.store.snapshot();
      const pinned = store.trust;
      await tamper(store);
      expect(store.store.snapshot() !== before || store.trust !== pinned).toBe(true);
      const results = {
        release: await outcomeOf(() => releaseOf(store)),
        audit: await outcomeOf(() => auditOf(store)),
      };
      expect(results).toEqual({
        release: {
          verdict: release.length > 0 ? "refused" : "verified",
          errors: release.toSorted(),
          notes: releaseNotes,
        },
        audit: { verdict: audited.length > 0 ? "refused" : "verified", errors: audited.toSorted(), notes },
      });
    });
  });
}

function releaseOf({ store, trust }: TamperedStore): Promise<Verification> {
  return verifyRelease({ store, trust, name: "billing", version: "1.0.0", context: testContext() });
}

function auditOf({ store, trust }: TamperedStore): Promise<Verification> {
  return audit({ store, trust, since: undefined, context: testContext() });
}

/** An error that ends the verification with exit status 3 refuses as a finding does. */
async function outcomeOf(verify: () => Promise<Verification>) {
  try {
    const { verdict, findings } = await verify();
    return { verdict, errors: codesOf(findings, "error"), notes: codesOf(findings, "note") };
  } catch (error) {
    if (!isKilnError(error) || error.exitStatus !== 3) throw error;
    return { verdict: "refused", errors: [error.code], notes: [] };
  }
}

function codesOf(findings: readonly Finding[], severity: Finding["severity"]): string[] {
  return findings
    .filter((finding) => finding.severity === severity)
    .map(({ code }) => code)
    .toSorted();
}
