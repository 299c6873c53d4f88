// Publishing an attestation of a release that is in the log: its envelope goes into the pool, then one entry names it. If we
// stop between the two, there is a blob that nobody refers to.

import { attestationKey } from "../artifact/attestation.ts";
import { digestOf } from "../artifact/digest.ts";
import { payloadTypes, preAuthEncoding } from "../artifact/dsse.ts";
import { envelopeBytes } from "../artifact/leaf.ts";
import { KilnError } from "../errors.ts";
import { logOf, readCheckpoint } from "../log/checkpoint.ts";
import { inStep } from "../report.ts";
import { checkKeys, checkStatement } from "./allowed.ts";
import { released } from "./decide.ts";
import { commit, type Publisher, seconds } from "./publisher.ts";

export interface Attestation {
  readonly name: string;
  readonly version: string;
  /** The release's identity. */
  readonly manifest: string;
  readonly predicateType: string;
  /** An in-toto statement about all of the release's artifacts. */
  readonly statement: Uint8Array;
}

export interface Attested {
  /** Of the envelope. */
  readonly digest: string;
  /** The index of its log entry. */
  readonly leaf: number;
}

/** Throws KEY_NOT_ALLOWED, KEY_MISSING: asked before a bake, so that it isn't for nothing. */
export async function checkMayAttest(publisher: Publisher, name: string): Promise<void> {
  checkKeys(publisher, "log", "release");
  const { size } = await readCheckpoint(publisher.store, logOf(publisher.trust));
  checkStatement(publisher, { type: "attestation", name }, size);
}

/** Throws KEY_NOT_ALLOWED, KEY_MISSING before anything is written, NOT_FOUND, and what the store and the log throw. */
export async function attest(publisher: Publisher, attestation: Attestation): Promise<Attested> {
  const { store, signers, context } = publisher;
  const { name, version, manifest, predicateType, statement } = attestation;
  checkKeys(publisher, "log", "release");
  const envelope = envelopeBytes({
    payload: Buffer.from(statement).toString("base64"),
    payloadType: payloadTypes.inToto,
    signatures: [{ sig: signers.release.sign(preAuthEncoding(payloadTypes.inToto, statement)) }],
  });
  const digest = digestOf(envelope);
  const { head } = await inStep(context.report, `attest ${name}@${version}`, () =>
    commit(publisher, async (state) => {
      const release = await released(state.catalog, name, version);
      if (release.manifest !== manifest) {
        throw new KilnError(
          "SUBJECT_MISMATCH",
          `${name}@${version}: got manifest ${manifest}, want ${release.manifest}`,
        );
      }
      checkStatement(publisher, { type: "attestation", name }, state.head.checkpoint.size);
      await store.create(attestationKey(digest), envelope);
      const leaf = { type: "attestation", kiln: 1, name, version, manifest, predicateType, digest } as const;
      return { entries: [], leaves: [{ ...leaf, time: seconds(context.now()) }], outcome: undefined };
    }),
  );
  return { digest, leaf: head.checkpoint.size - 1 };
}
