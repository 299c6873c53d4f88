// A download with what lies beside it, offline: whatever somebody changed on the way is found, by its own code.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

import { beforeAll, expect, test } from "vitest";

import { beside } from "../../src/artifact/pool.ts";
import type { Trust } from "../../src/artifact/trust.ts";
import type { Code } from "../../src/errors.ts";
import { verifyFile } from "../../src/verify/file.ts";
import { testContext } from "../fixtures/store-builder.ts";
import { billing, flip, type PublishedStore, publishedStore, strangeSigner, takeOver } from "./tampered-store.ts";

type Part = "artifact" | keyof typeof beside;
type Download = Map<Part, Buffer>;

const ends: Readonly<Record<Part, string>> = { artifact: "", ...beside };

interface Row {
  readonly title: string;
  /** `tool` and `next`: the same parts of another artifact, and of the next version's. */
  readonly tamper?: (app: Download, others: { readonly tool: Download; readonly next: Download }) => unknown;
  readonly pin?: (trust: Trust) => Trust;
  readonly errors: readonly Code[];
}

const swap = (app: Download, other: Download, part: Part) => app.set(part, other.get(part) as Buffer);

const rows: readonly Row[] = [
  { title: "nothing", errors: [] },
  {
    title: "one bit of the artifact",
    tamper: (app) => flip(app.get("artifact") as Buffer),
    // The bundle's digest, the OpenPGP signature, and the subjects of both attestations.
    errors: ["DIGEST_MISMATCH", "SIGNATURE_INVALID", "SUBJECT_MISMATCH", "SUBJECT_MISMATCH"],
  },
  {
    title: "another artifact of the same release",
    tamper: (app, { tool }) => swap(app, tool, "artifact"),
    // The provenance is about both.
    errors: ["DIGEST_MISMATCH", "SIGNATURE_INVALID", "SUBJECT_MISMATCH"],
  },
  {
    title: "another artifact's OpenPGP signature",
    tamper: (app, { tool }) => swap(app, tool, "openpgp"),
    errors: ["SIGNATURE_INVALID"],
  },
  {
    title: "another artifact's bundle",
    tamper: (app, { tool }) => swap(app, tool, "signature"),
    errors: ["DIGEST_MISMATCH"],
  },
  {
    title: "the next version's provenance",
    tamper: (app, { next }) => swap(app, next, "provenance"),
    errors: ["SUBJECT_MISMATCH"],
  },
  {
    title: "another artifact's SBOM",
    tamper: (app, { tool }) => swap(app, tool, "sbom"),
    errors: ["SUBJECT_MISMATCH"],
  },
  {
    title: "the SBOM's bundle as the provenance's",
    tamper: (app) => app.set("provenance", app.get("sbom") as Buffer),
    errors: ["SUBJECT_MISMATCH"],
  },
  {
    title: "bundles of garbage",
    tamper: (app) => {
      for (const part of ["signature", "provenance", "sbom"] as const) app.set(part, Buffer.from("{}"));
    },
    errors: ["BUNDLE_INVALID", "BUNDLE_INVALID", "BUNDLE_INVALID"],
  },
  {
    title: "half a character in a bundle",
    tamper: (app) => {
      const text = (app.get("signature") as Buffer).toString();
      app.set("signature", Buffer.from(text.replace('"envelope":"', '"envelope":"\\ud800')));
    },
    errors: ["BUNDLE_INVALID"],
  },
  ...(["openpgp", "signature", "provenance", "sbom"] as const).map((part): Row => ({
    title: `no ${ends[part]}`,
    tamper: (app) => app.delete(part),
    errors: ["OBJECT_MISSING"],
  })),
  {
    title: "a release key that isn't pinned",
    pin: (trust) => ({ ...trust, release: trust.release.map((key) => ({ ...key, ...publicKey() })) }),
    errors: ["SIGNATURE_INVALID", "SIGNATURE_INVALID", "SIGNATURE_INVALID"],
  },
  {
    title: "a release key that counts only from the next leaf on",
    pin: (trust) => ({ ...trust, release: trust.release.map((key) => ({ ...key, from: 1 })) }),
    errors: ["KEY_NOT_ALLOWED"],
  },
  {
    title: "an OpenPGP key that counts no more",
    pin: (trust) => ({ ...trust, openpgp: trust.openpgp.map((key) => ({ ...key, until: 0 })) }),
    errors: ["KEY_NOT_ALLOWED"],
  },
];

let whole: PublishedStore;

beforeAll(async () => {
  whole = await publishedStore();
});

test.for(rows)("$title", async ({ tamper, pin = (trust) => trust, errors }) => {
  const store = takeOver(whole);
  const { app, tool, appOfNext } = await billing(store);
  const download = async (key: string): Promise<Download> => {
    const parts = new Map<Part, Buffer>();
    for (const [part, end] of Object.entries(ends)) parts.set(part as Part, Buffer.from(await store.read(key + end)));
    return parts;
  };
  const parts = await download(app);
  tamper?.(parts, { tool: await download(tool), next: await download(appOfNext) });
  const folder = await mkdtemp(join(tmpdir(), "kiln-verify-"));
  try {
    const path = join(folder, basename(app));
    for (const [part, bytes] of parts) await writeFile(path + ends[part], bytes);
    const trust = pin(store.trust);
    const { verdict, findings } = await verifyFile({ path, trust, openStore: undefined, context: testContext() });
    expect(findings.map(({ code }) => code)).toEqual(errors);
    expect(verdict).toBe(errors.length > 0 ? "refused" : "verified");
  } finally {
    await rm(folder, { recursive: true });
  }
});

function publicKey() {
  return { publicKey: strangeSigner().publicKey };
}
