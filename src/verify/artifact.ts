// One artifact with what lies beside it: its OpenPGP signature, and the Sigstore bundles of its own signature, its
// provenance and its SBOM. Needs nothing but these five files and the pinned trust file: no store, no network, no log.
// What it can't see offline: whether the release was logged as this version, and what else was published since.

import { verifyOpenPgp } from "../artifact/openpgp.ts";
import { beside, besideAttestation } from "../artifact/pool.ts";
import { predicateTypes } from "../artifact/statement.ts";
import type { Trust } from "../artifact/trust.ts";
import { verifyAttestationBundle, verifySignatureBundle } from "./bundle.ts";
import type { Finding, Findings } from "./findings.ts";
import { requireOpenPgpKey } from "./keys.ts";
import type { Passed } from "./pass.ts";
import { commitsOf, origins, requireStatement } from "./statement.ts";

export type Beside = keyof typeof beside;

/** The files beside an artifact. `unread`: whether it is there couldn't be found out, which is a finding already. */
export type BesideFile = Uint8Array | "absent" | "unread";
export type BesideFiles = Readonly<Record<Beside, BesideFile>>;

export interface ArtifactToVerify {
  /** The artifact as the person or the manifest calls it; what lies beside it is named after it. */
  readonly file: string;
  readonly artifact: Passed;
  readonly files: BesideFiles;
  /** The bundles of further attestations, in their order. */
  readonly attestations: readonly BesideFile[];
  readonly trust: Trust;
  /** The release's name, where it is known: then the keys must be allowed for it. */
  readonly name: string | undefined;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly findings: Findings;
}

/** What was proven; `undefined` where it wasn't. */
export interface ProvenArtifact {
  /** Leaf indexes of the signature, the provenance and the SBOM. */
  readonly indexes: Readonly<Record<Exclude<Beside, "openpgp">, number | undefined>>;
  readonly fingerprint: string | undefined;
  /** The commits that the provenance names. */
  readonly commits: readonly string[] | undefined;
  /** Whether it was made elsewhere and taken in. */
  readonly imported: boolean;
  readonly statements: { readonly provenance: Buffer | undefined; readonly sbom: Buffer | undefined };
  /** Of the further attestations, each at its place. */
  readonly attestations: readonly (ProvenAttestation | undefined)[];
}

export interface ProvenAttestation {
  readonly index: number;
  readonly predicateType: string;
  readonly statement: Buffer;
}

export async function verifyArtifact(options: ArtifactToVerify): Promise<ProvenArtifact> {
  const { artifact, findings } = options;
  const part = (end: string, bytes: BesideFile) => {
    const where = options.file + end;
    if (bytes === "absent") findings.add(absence(where));
    return typeof bytes === "string" ? undefined : { ...options, where, bytes };
  };
  const named = (which: Beside) => part(beside[which], options.files[which]);
  const openpgp = named("openpgp");
  const signature = named("signature");
  const provenance = named("provenance");
  const sbom = named("sbom");
  const others = options.attestations.map((bytes, place) => part(besideAttestation(place), bytes));

  const index = signature && (await verifySignatureBundle({ ...signature, artifact }));
  const fingerprint = openpgp && (await verifyOpenPgpFile(openpgp, index));
  const origin = provenance && verifyStatement(provenance, origins);
  const contents = sbom && verifyStatement(sbom, ["sbom"]);
  return {
    indexes: { signature: index, provenance: origin?.index, sbom: contents?.index },
    fingerprint,
    commits: origin?.commits,
    imported: origin?.imported ?? false,
    statements: { provenance: origin?.statement, sbom: contents?.statement },
    attestations: others.map((one) => one && verifyAttestation(one)),
  };
}

type Part = ArtifactToVerify & { readonly where: string; readonly bytes: Uint8Array };

/** `index`: where the artifact's signature stands in the log; the key must count there. */
async function verifyOpenPgpFile(part: Part, index: number | undefined): Promise<string | undefined> {
  const { where, bytes, trust, artifact, now, findings } = part;
  return findings.checkAsync(where, async () => {
    const signature = Buffer.from(bytes).toString("latin1");
    const keys = trust.openpgp.map(({ publicKey }) => publicKey);
    const { fingerprint } = await verifyOpenPgp({ signature, keys, state: artifact.state, now, what: where });
    // Without a place in the log nobody can say whether the key counted; that it has none is a finding already.
    if (index !== undefined) requireOpenPgpKey(fingerprint, { trust, index, what: where });
    return fingerprint;
  });
}

function verifyStatement(part: Part, predicates: typeof origins) {
  const { where, artifact, findings } = part;
  const attested = verifyAttestationBundle(part);
  if (attested === undefined) return undefined;
  return findings.check(where, () => {
    const statement = requireStatement(attested.statement, { predicates, sha256: artifact.sha256, where });
    const isOrigin = predicates === origins;
    return {
      ...attested,
      imported: statement.predicateType === predicateTypes.import,
      commits: isOrigin ? commitsOf(statement, where) : [],
    };
  });
}

/** Whatever it attests: that it is signed, logged, and about this artifact. */
function verifyAttestation(part: Part): ProvenAttestation | undefined {
  const { where, artifact, findings } = part;
  const attested = verifyAttestationBundle(part);
  if (attested === undefined) return undefined;
  return findings.check(where, () => {
    const { predicateType } = requireStatement(attested.statement, { sha256: artifact.sha256, where });
    return { ...attested, predicateType };
  });
}

function absence(where: string): Finding {
  const message = `${where}: got no such file, want it beside the artifact`;
  return { code: "OBJECT_MISSING", severity: "error", subject: where, message };
}
