// The public keys in every form that stock clients want, as they lie in a store: copies, all computed from the trust file. What counts is
// the pinned one, so an audit holds each of them against it.

import { keys } from "./pool.ts";
import { trustedRoot } from "./sigstore.ts";
import { type Trust, trustBytes } from "./trust.ts";

/** Where the trusted_root.json lies. */
export const trustedRootKey = "trust/trusted_root.json";

/** `start`: since when the log's key counts, milliseconds since 1970. */
export async function* trustDocuments(trust: Trust, start: number): AsyncGenerator<[key: string, bytes: Uint8Array]> {
  yield [keys.trust, trustBytes(trust)];
  yield ["trust/openpgp.asc", Buffer.from(trust.openpgp.map(({ publicKey }) => publicKey).join(""))];
  yield [
    "trust/openpgp.gpg",
    Buffer.concat(await Promise.all(trust.openpgp.map(({ publicKey }) => binary(publicKey)))),
  ];
  yield ["trust/log.vkey", Buffer.from(`${trust.log}\n`)];
  yield [trustedRootKey, trustedRoot(trust, start)];
  for (const [place, { publicKey }] of trust.release.entries()) {
    yield [`trust/release-${place + 1}.pem`, Buffer.from(pem(publicKey))];
  }
}

/** Since when the key counts that a trusted_root.json names; `undefined`: it doesn't say. It alone isn't said by the trust file. */
export function trustedRootStart(bytes: Uint8Array): number | undefined {
  const [, start = ""] = /"validFor":\{"start":"([^"]*)"\}/.exec(Buffer.from(bytes).toString("utf8")) ?? [];
  const milliseconds = Date.parse(start);
  return Number.isNaN(milliseconds) ? undefined : milliseconds;
}

/** gpgv reads keyrings in binary form only. */
async function binary(armored: string): Promise<Uint8Array> {
  const { unarmor } = await import("openpgp");
  return (await unarmor(armored)).data as Uint8Array;
}

function pem(spki: string): string {
  return `-----BEGIN PUBLIC KEY-----\n${spki.replaceAll(/.{64}(?=.)/g, "$&\n")}\n-----END PUBLIC KEY-----\n`;
}
