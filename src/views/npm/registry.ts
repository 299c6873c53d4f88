// What a registry of npm's has beside packuments: where each document lies, and the public keys of its signatures.

import { canonicalBytes } from "../../artifact/json.ts";
import { registryKeyId } from "../../artifact/npm-package.ts";

/** `name`: the package's, `@scope/name` included. A packument is a file, so tarballs lie elsewhere: in the pool. */
export const npmKeys = {
  packument: (name: string) => `npm/${name}`,
  distTags: (name: string) => `npm/-/package/${name}/dist-tags`,
  signingKeys: "npm/-/npm/v1/keys",
} as const;

export interface RegistryKey {
  /** DER SPKI, base64. */
  readonly publicKey: string;
  /** When it signed for the last time, seconds since 1970; null: it still counts. */
  readonly expires: number | null;
}

export function signingKeysBytes(keys: readonly RegistryKey[]): Uint8Array {
  return canonicalBytes({
    keys: keys.map(({ publicKey, expires }) => ({
      expires: expires === null ? null : new Date(expires * 1000).toISOString(),
      keyid: registryKeyId(publicKey),
      keytype: "ecdsa-sha2-nistp256",
      scheme: "ecdsa-sha2-nistp256",
      key: publicKey,
    })),
  });
}
