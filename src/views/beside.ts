// What lies beside each artifact in the pool: an OpenPGP signature, and Sigstore bundles of the artifact's own signature,
// of its provenance and of its SBOM. Stock clients verify with these alone. All of it is derived from the release's
// signatures document and the log: nobody signs again to write or mend them.

import { type Envelope, payloadTypes } from "../artifact/dsse.ts";
import { type HashedRekord, parseEntry } from "../artifact/leaf.ts";
import { type Artifact, type Manifest, manifestFile, parseManifest } from "../artifact/manifest.ts";
import { beside, poolKey } from "../artifact/pool.ts";
import { parseSignatures, type Signatures, signaturesFile } from "../artifact/signatures.ts";
import { attestationBundle, type LogEntry, signatureBundle } from "../artifact/sigstore.ts";
import { sbomStatement } from "../artifact/statement.ts";
import { KilnError } from "../errors.ts";
import type { View, ViewSource, ViewTarget } from "./view.ts";

export const besideView: View = {
  name: "beside",
  async take(leaves, source, target) {
    for (const { index, leaf } of leaves) {
      if (leaf.type !== "release") continue;
      const manifestBlob = { sha256: leaf.manifest, file: manifestFile };
      const signaturesBlob = { sha256: leaf.signatures, file: signaturesFile };
      const manifest = parseManifest(await source.blob(manifestBlob), poolKey(manifestBlob));
      const signatures = parseSignatures(await source.blob(signaturesBlob), poolKey(signaturesBlob));
      await writeBeside({ manifest, signatures, first: index - leaf.entries }, source, target);
    }
  },
};

interface SignedRelease {
  readonly manifest: Manifest;
  readonly signatures: Signatures;
  /** The leaf index of the first artifact's signature. */
  readonly first: number;
}

async function writeBeside(release: SignedRelease, source: ViewSource, target: ViewTarget): Promise<void> {
  const { manifest, signatures, first } = release;
  const { publicKey } = signatures;
  const last = first + 2 * manifest.artifacts.length;
  const provenance = attestationBundle({
    publicKey,
    envelope: envelopeOf(await source.blob(manifest.provenance), signatures.provenance),
    logEntry: (await recordAt(last, source)).logEntry,
  });
  for (const [place, artifact] of manifest.artifacts.entries()) {
    const signed = signaturesOf(artifact, signatures);
    const statement = sbomStatement(artifact, await source.blob(artifact.sbom));
    const sbomEntry = await recordAt(first + 2 * place + 1, source);
    const key = poolKey(artifact);
    await target.once(key + beside.openpgp, Buffer.from(signed.openpgp));
    await target.once(key + beside.signature, signatureBundle(await recordAt(first + 2 * place, source)));
    await target.once(key + beside.provenance, provenance);
    const envelope = envelopeOf(statement, signed.sbom);
    await target.once(key + beside.sbom, attestationBundle({ publicKey, envelope, logEntry: sbomEntry.logEntry }));
  }
}

function signaturesOf(artifact: Artifact, signatures: Signatures): Signatures["artifacts"][number] {
  const found = signatures.artifacts.find(({ name }) => name === artifact.name);
  if (found !== undefined) return found;
  throw new KilnError("STORE_CORRUPT", `${signaturesFile} of ${signatures.manifest}: got nothing for ${artifact.name}`);
}

function envelopeOf(payload: Uint8Array, sig: string): Envelope {
  return {
    payload: Buffer.from(payload).toString("base64"),
    payloadType: payloadTypes.inToto,
    signatures: [{ sig }],
  };
}

async function recordAt(index: number, source: ViewSource): Promise<HashedRekord & { logEntry: LogEntry }> {
  const [canonicalizedBody, hashes] = await Promise.all([source.entry(index), source.prove(index)]);
  const entry = parseEntry(canonicalizedBody, index);
  if (entry.sort !== "signature")
    throw new KilnError("STORE_CORRUPT", `log entry ${index}: got a leaf, want a signature`);
  const { note, size, root } = source.checkpoint;
  const logEntry = {
    logId: source.logId,
    index,
    treeSize: size,
    rootHash: root,
    hashes,
    checkpoint: note,
    canonicalizedBody,
  };
  return { ...entry.record, logEntry };
}
