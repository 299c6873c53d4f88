// Signs an npm package as a registry does: its name, version and integrity. The integrity stands in the bake's record, and
// is signed only if it is that of the bytes.

import { createHash } from "node:crypto";

import type { Artifact } from "../artifact/manifest.ts";
import { npmRecordOf, registryText } from "../artifact/npm-package.ts";
import { KilnError } from "../errors.ts";
import type { ReleaseSigner } from "./signers.ts";

/** DER ECDSA, base64; `undefined`: the artifact is no npm package. Throws BAKE_CHANGED. */
export async function signForRegistry(options: {
  readonly artifact: Artifact;
  /** Its bytes, from the start. */
  readonly open: () => AsyncIterable<Uint8Array>;
  readonly signer: ReleaseSigner;
}): Promise<string | undefined> {
  const { artifact, open, signer } = options;
  const record = npmRecordOf(artifact);
  if (record === undefined) return undefined;
  const hash = createHash("sha512");
  for await (const piece of open()) hash.update(piece);
  const got = `sha512-${hash.digest("base64")}`;
  if (got !== record.dist.integrity) {
    throw new KilnError("BAKE_CHANGED", `${artifact.file}: got integrity ${got}, want ${record.dist.integrity}`, {
      hint: "the file changed after it was baked: bake again",
    });
  }
  return signer.sign(registryText(record));
}
