// What a registry of npm's has beside packuments: where each document lies, and the public keys of its signatures.

import { canonicalBytes } from "../../artifact/json.ts";
import type { Leaf } from "../../artifact/leaf.ts";
import { registryKeyId } from "../../artifact/npm-package.ts";
import type { ReleaseKey } from "../../artifact/trust.ts";

/** `name`: the package's, `@scope/name` included. A packument is a file, so tarballs lie elsewhere: in the pool. */
export const npmKeys = {
  packument: (name: string) => `npm/${name}`,
  distTags: (name: string) => `npm/-/package/${name}/dist-tags`,
  signingKeys: "npm/-/npm/v1/keys",
} as const;

/** The package whose document lies under `key`; `undefined`: no package's does. */
export function packageOf(key: string): string | undefined {
  const [, ofTags, ofPackument] = /^npm\/(?:-\/package\/(.+)\/dist-tags|((?!-\/).+))$/.exec(key) ?? [];
  return ofTags ?? ofPackument;
}

interface RegistryKey {
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

/** Keys are bounded by places in the log; clients know only times: that of the last leaf for which the key counts. */
export async function registryKeys(
  keys: readonly ReleaseKey[],
  log: { readonly size: number; readonly leaf: (index: number) => Promise<Leaf | undefined> },
): Promise<RegistryKey[]> {
  return Promise.all(
    keys.map(async ({ publicKey, until }) => {
      if (until === null || until > log.size) return { publicKey, expires: null };
      for (let index = until - 1; index >= 0; index -= 1) {
        const leaf = await log.leaf(index);
        if (leaf !== undefined) return { publicKey, expires: leaf.time };
      }
      return { publicKey, expires: 0 };
    }),
  );
}
