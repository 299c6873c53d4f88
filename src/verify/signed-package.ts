// A signed .rpm as its users have it. Everything that Kiln signs is about the package as it was baked, whose bytes follow from
// these: the same but for the signature in it. What doesn't lead back to them is another package.

import { armored, verifyOpenPgp } from "../artifact/openpgp.ts";
import { leadMagic, replacingStart, rpmReader, type RpmParts, signatureIn, unsignedPrefix } from "../artifact/rpm.ts";
import type { Trust } from "../artifact/trust.ts";
import { requireOpenPgpKey } from "./keys.ts";
import { type Passed, passOver } from "./pass.ts";

export interface SignedPackage {
  /** As it was before it was signed. */
  readonly baked: Passed;
  readonly packet: Buffer;
  readonly headerState: RpmParts["headerState"];
}

/** `undefined`: it is no .rpm, or has no signature in it. `open`: its bytes, from the start. Throws PACKAGE_INVALID. */
export async function readSignedPackage(
  open: () => AsyncIterable<Uint8Array>,
  what: string,
): Promise<SignedPackage | undefined> {
  const reader = rpmReader(what);
  let isFirst = true;
  for await (const piece of open()) {
    if (isFirst && !Buffer.from(piece.subarray(0, 4)).equals(leadMagic)) return undefined;
    isFirst = false;
    reader.push(piece);
    if (reader.done) break;
  }
  if (isFirst) return undefined;
  const { prefix, headerState } = reader.parts();
  const packet = signatureIn(prefix, what);
  if (packet === undefined) return undefined;
  const body = replacingStart(open(), unsignedPrefix(prefix, what));
  return { baked: await passOver(body, { what, limit: Infinity }), packet, headerState };
}

/** `index`: where the artifact's signature stands in the log, where that is known. Throws SIGNATURE_INVALID, KEY_NOT_ALLOWED. */
export async function requirePackageSignature(
  { packet, headerState }: SignedPackage,
  {
    trust,
    index,
    now,
    what,
  }: { readonly trust: Trust; readonly index: number | undefined; readonly now: number; readonly what: string },
): Promise<void> {
  const keys = trust.openpgp.map(({ publicKey }) => publicKey);
  const { fingerprint } = await verifyOpenPgp({ signature: armored(packet), keys, state: headerState, now, what });
  if (index !== undefined) requireOpenPgpKey(fingerprint, { trust, index, what });
}
