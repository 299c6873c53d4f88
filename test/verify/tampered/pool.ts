// Rows: what lies in the pool. Artifacts, manifests, signatures documents, SBOMs, provenances.

import { billing, edit, editText, flip, swapIn, type Tampering } from "../tampered-store.ts";

/** All five signed things fail when the artifact isn't the one that was signed. */
const otherBytes = [
  "DIGEST_MISMATCH",
  "DIGEST_MISMATCH",
  "SIGNATURE_INVALID",
  "SIGNATURE_INVALID",
  "SIGNATURE_INVALID",
  "SUBJECT_MISMATCH",
  "SUBJECT_MISMATCH",
] as const;
const otherBytesAudited = ["DIGEST_MISMATCH", "SIGNATURE_INVALID", "SIGNATURE_INVALID"] as const;

export const pool: readonly Tampering[] = [
  {
    title: "one bit of an artifact",
    tamper: async (store) => edit(store, (await billing(store)).app, (bytes) => flip(bytes)),
    release: otherBytes,
    audit: otherBytesAudited,
  },
  {
    title: "an artifact cut short",
    tamper: async (store) => edit(store, (await billing(store)).app, (bytes) => bytes.subarray(0, -1)),
    release: otherBytes,
    audit: otherBytesAudited,
  },
  {
    title: "an artifact that goes on",
    tamper: async (store) => edit(store, (await billing(store)).app, (bytes) => Buffer.concat([bytes, Buffer.of(0)])),
    release: ["DIGEST_MISMATCH"],
    audit: ["DIGEST_MISMATCH"],
  },
  {
    title: "an artifact of the next version in its place",
    tamper: async (store) => {
      const { app, appOfNext } = await billing(store);
      await swapIn(store, appOfNext, app);
    },
    release: otherBytes,
    audit: otherBytesAudited,
  },
  {
    title: "an artifact of the next version in its place, with all that lies beside it",
    tamper: async (store) => {
      const { app, appOfNext } = await billing(store);
      for (const end of ["", ".asc", ".sigstore.json", ".provenance.sigstore.json", ".sbom.sigstore.json"]) {
        await swapIn(store, appOfNext + end, app + end);
      }
    },
    release: [
      "DIGEST_MISMATCH",
      "SIGNATURE_INVALID",
      "SIGNATURE_INVALID",
      "VIEW_MISMATCH",
      "VIEW_MISMATCH",
      "VIEW_MISMATCH",
      "VIEW_MISMATCH",
      "VIEW_MISMATCH",
    ],
    audit: [...otherBytesAudited, "VIEW_MISMATCH", "VIEW_MISMATCH", "VIEW_MISMATCH", "VIEW_MISMATCH"],
  },
  {
    title: "a manifest that says something else",
    tamper: async (store) => editText(store, (await billing(store)).manifest, "1.0.0", "1.0.9"),
    release: ["DIGEST_MISMATCH"],
    audit: ["DIGEST_MISMATCH"],
    notes: ["OBJECT_UNUSED"],
  },
  {
    title: "a manifest with a member twice",
    tamper: async (store) => editText(store, (await billing(store)).manifest, "{", '{"kiln":1,'),
    release: ["DIGEST_MISMATCH"],
    audit: ["DIGEST_MISMATCH"],
    notes: ["OBJECT_UNUSED"],
  },
  {
    title: "another release's manifest",
    tamper: async (store) => {
      const { manifest } = await billing(store);
      const other = (await store.find(/\/release\.json$/)).find((key) => key !== manifest);
      await swapIn(store, other as string, manifest);
    },
    release: ["DIGEST_MISMATCH"],
    audit: ["DIGEST_MISMATCH"],
    notes: ["OBJECT_UNUSED"],
  },
  {
    title: "another release's signatures",
    tamper: async (store) => {
      const { signatures } = await billing(store);
      const other = (await store.find(/\/signatures\.json$/)).find((key) => key !== signatures);
      await swapIn(store, other as string, signatures);
    },
    release: ["DIGEST_MISMATCH"],
    audit: ["DIGEST_MISMATCH"],
    notes: ["OBJECT_UNUSED"],
  },
  {
    title: "signatures that aren't canonical JSON",
    tamper: async (store) => edit(store, (await billing(store)).signatures, (bytes) => `${bytes.toString()}\n`),
    release: ["DIGEST_MISMATCH"],
    audit: ["DIGEST_MISMATCH"],
    notes: ["OBJECT_UNUSED"],
  },
  {
    title: "an edited SBOM",
    tamper: async (store) => editText(store, (await billing(store)).sbom, "1.6", "1.5"),
    release: ["DIGEST_MISMATCH", "SIGNATURE_INVALID"],
    audit: ["DIGEST_MISMATCH", "SIGNATURE_INVALID"],
  },
  {
    title: "an SBOM that isn't JSON",
    tamper: async (store) => store.write((await billing(store)).sbom, "nothing"),
    release: ["DIGEST_MISMATCH", "STORE_CORRUPT"],
    audit: ["DIGEST_MISMATCH", "STORE_CORRUPT"],
  },
  {
    title: "an edited provenance",
    tamper: async (store) => editText(store, (await billing(store)).provenance, "refs/heads/main", "refs/heads/evil"),
    release: ["DIGEST_MISMATCH", "SIGNATURE_INVALID"],
    audit: ["DIGEST_MISMATCH", "SIGNATURE_INVALID"],
  },
  {
    title: "the next version's provenance",
    tamper: async (store) => {
      const other = await store.only(/billing-1\.1\.0\.provenance\.json$/);
      await swapIn(store, other, (await billing(store)).provenance);
    },
    release: ["DIGEST_MISMATCH", "SIGNATURE_INVALID", "SUBJECT_MISMATCH"],
    audit: ["DIGEST_MISMATCH", "SIGNATURE_INVALID", "SUBJECT_MISMATCH"],
  },
  ...(["app", "sbom", "provenance", "manifest", "signatures"] as const).map((part): Tampering => ({
    title: `no ${part === "app" ? "artifact" : part}`,
    tamper: async (store) => store.remove((await billing(store))[part]),
    release: ["OBJECT_MISSING"],
    audit: ["OBJECT_MISSING"],
    // Nothing says any more what belongs to the release.
    notes: part === "manifest" || part === "signatures" ? ["OBJECT_UNUSED"] : [],
  })),
  {
    title: "a blob that nobody refers to",
    tamper: async (store) => store.write(`pool/sha256/00/${"0".repeat(64)}/stray`, "a publish stopped here"),
    notes: ["OBJECT_UNUSED"],
  },
];
