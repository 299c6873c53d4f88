// Rows: what lies beside an artifact, which stock clients verify with.

import { canonicalBytes } from "../../../src/artifact/json.ts";
import type { Code } from "../../../src/errors.ts";
import { billing, edit, editText, swapIn, type TamperedStore, type Tampering } from "../tampered-store.ts";

const signature = ".sigstore.json";

/** A bundle, changed as JSON and written in its canonical form again. */
function bundleRow(
  title: string,
  change: (bundle: BundleJson) => void,
  { release, audit }: { readonly release: readonly Code[]; readonly audit?: readonly Code[] },
): Tampering {
  return {
    title: `a bundle with ${title}`,
    tamper: async (store) =>
      edit(store, (await billing(store)).app + signature, (bytes) => {
        const bundle = JSON.parse(bytes.toString()) as BundleJson;
        change(bundle);
        return canonicalBytes(bundle);
      }),
    release,
    audit: audit ?? ["VIEW_MISMATCH"],
  };
}

interface BundleJson extends Record<string, unknown> {
  messageSignature: { messageDigest: { digest: string }; signature: string };
  verificationMaterial: {
    publicKey: { hint: string };
    tlogEntries: [
      {
        logIndex: string;
        logId: { keyId: string };
        canonicalizedBody: string;
        inclusionProof: {
          logIndex: string;
          rootHash: string;
          treeSize: string;
          hashes: string[];
          checkpoint: { envelope: string };
        };
      },
    ];
  };
}

const entryOf = ({ verificationMaterial }: BundleJson) => verificationMaterial.tlogEntries[0];
const proofOf = (bundle: BundleJson) => entryOf(bundle).inclusionProof;
const zeros = Buffer.alloc(32).toString("base64");

/** Puts the file beside `from` beside billing-app-1.0.0 instead. */
function swapRow(title: string, from: (store: TamperedStore) => Promise<string>, release: readonly Code[]): Tampering {
  return {
    title,
    tamper: async (store) => {
      const key = await from(store);
      const { app } = await billing(store);
      await swapIn(store, key, app + key.slice(key.indexOf(".bin") + ".bin".length));
    },
    release,
    audit: ["VIEW_MISMATCH"],
  };
}

export const besides: readonly Tampering[] = [
  swapRow("another artifact's OpenPGP signature", async (store) => `${(await billing(store)).tool}.asc`, [
    "SIGNATURE_INVALID",
  ]),
  {
    title: "an OpenPGP signature of garbage",
    tamper: async (store) => store.write(`${(await billing(store)).app}.asc`, "nothing\n"),
    release: ["SIGNATURE_INVALID"],
    audit: ["VIEW_MISMATCH"],
  },
  {
    title: "two OpenPGP signatures in one file",
    tamper: async (store) => {
      const { app, tool } = await billing(store);
      const more = await store.read(`${tool}.asc`);
      await edit(store, `${app}.asc`, (bytes) => Buffer.concat([bytes, more]));
    },
    release: ["SIGNATURE_INVALID"],
    audit: ["VIEW_MISMATCH"],
  },
  {
    title: "an OpenPGP signature with a comment",
    tamper: async (store) => editText(store, `${(await billing(store)).app}.asc`, "\n\n", "\nComment: hello\n\n"),
    release: ["SIGNATURE_INVALID"],
    audit: ["VIEW_MISMATCH"],
  },
  bundleRow(
    "the signature of something else",
    (bundle) => {
      const { signature: own } = bundle.messageSignature;
      const bytes = Buffer.from(own, "base64");
      bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
      bundle.messageSignature.signature = bytes.toString("base64");
    },
    { release: ["SIGNATURE_INVALID", "SUBJECT_MISMATCH"] },
  ),
  bundleRow("another digest", (bundle) => (bundle.messageSignature.messageDigest.digest = zeros), {
    release: ["DIGEST_MISMATCH", "SUBJECT_MISMATCH"],
  }),
  bundleRow("another key's hint", (bundle) => (bundle.verificationMaterial.publicKey.hint = zeros), {
    release: ["SIGNATURE_INVALID"],
  }),
  bundleRow(
    "another index",
    (bundle) => {
      entryOf(bundle).logIndex = "1";
      proofOf(bundle).logIndex = "1";
    },
    { release: ["PROOF_INVALID"] },
  ),
  bundleRow("two indexes", (bundle) => (proofOf(bundle).logIndex = "1"), {
    release: ["BUNDLE_INVALID"],
    audit: ["BUNDLE_INVALID"],
  }),
  bundleRow("another log's id", (bundle) => (entryOf(bundle).logId.keyId = zeros), { release: ["CHECKPOINT_INVALID"] }),
  bundleRow("another hash in its proof", (bundle) => (proofOf(bundle).hashes[0] = zeros), {
    release: ["PROOF_INVALID"],
  }),
  bundleRow("a hash less", (bundle) => proofOf(bundle).hashes.pop(), { release: ["PROOF_INVALID"] }),
  bundleRow("another root", (bundle) => (proofOf(bundle).rootHash = zeros), {
    release: ["PROOF_INVALID", "PROOF_INVALID"],
  }),
  bundleRow("another tree size", (bundle) => (proofOf(bundle).treeSize = "8"), {
    release: ["PROOF_INVALID"],
  }),
  bundleRow(
    "another checkpoint",
    (bundle) => {
      const { checkpoint } = proofOf(bundle);
      checkpoint.envelope = checkpoint.envelope.replace("\n7\n", "\n8\n");
    },
    { release: ["CHECKPOINT_INVALID"], audit: ["CHECKPOINT_INVALID"] },
  ),
  bundleRow("the log entry of something else", (bundle) => (entryOf(bundle).canonicalizedBody = "e30="), {
    release: ["SUBJECT_MISMATCH", "PROOF_INVALID"],
  }),
  bundleRow("a member more", (bundle) => (bundle["extra"] = true), {
    release: ["BUNDLE_INVALID"],
    audit: ["BUNDLE_INVALID"],
  }),
  {
    title: "a bundle with a member twice",
    tamper: async (store) => editText(store, (await billing(store)).app + signature, "{", '{"mediaType":"x",'),
    release: ["BUNDLE_INVALID"],
    audit: ["BUNDLE_INVALID"],
  },
  {
    title: "a bundle that isn't canonical JSON",
    tamper: async (store) => edit(store, (await billing(store)).app + signature, (bytes) => `${bytes.toString()}\n`),
    release: ["BUNDLE_INVALID"],
    audit: ["BUNDLE_INVALID"],
  },
  {
    title: "a bundle with bytes that aren't UTF-8",
    tamper: async (store) => store.write((await billing(store)).app + signature, Buffer.of(0xff, 0xfe)),
    release: ["BUNDLE_INVALID"],
    audit: ["BUNDLE_INVALID"],
  },
  swapRow("another artifact's bundle of the same release", async (store) => (await billing(store)).tool + signature, [
    "DIGEST_MISMATCH",
  ]),
  swapRow("the next release's bundle", async (store) => (await billing(store)).appOfNext + signature, [
    "DIGEST_MISMATCH",
  ]),
  swapRow(
    "another artifact's SBOM bundle of the same release",
    async (store) => `${(await billing(store)).tool}.sbom.sigstore.json`,
    ["SUBJECT_MISMATCH"],
  ),
  swapRow(
    "the next release's provenance bundle",
    async (store) => `${(await billing(store)).appOfNext}.provenance.sigstore.json`,
    ["SUBJECT_MISMATCH"],
  ),
  {
    title: "the SBOM bundle in the place of the provenance's",
    tamper: async (store) => {
      const { app } = await billing(store);
      await swapIn(store, `${app}.sbom.sigstore.json`, `${app}.provenance.sigstore.json`);
    },
    release: ["SUBJECT_MISMATCH"],
    audit: ["VIEW_MISMATCH"],
  },
  {
    title: "the provenance bundle in the place of the artifact's own",
    tamper: async (store) => {
      const { app } = await billing(store);
      await swapIn(store, `${app}.provenance.sigstore.json`, app + signature);
    },
    release: ["SUBJECT_MISMATCH"],
    audit: ["VIEW_MISMATCH"],
  },
  ...[".asc", ".sigstore.json", ".provenance.sigstore.json", ".sbom.sigstore.json"].map((end): Tampering => ({
    title: `no ${end} beside an artifact`,
    tamper: async (store) => store.remove((await billing(store)).app + end),
    release: ["OBJECT_MISSING"],
    audit: ["OBJECT_MISSING"],
  })),
];
