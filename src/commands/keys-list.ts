// `kiln keys list`: which keys a key file holds, by their public halves.

import { keyHint } from "../artifact/trust.ts";
import type { Signers } from "../sign/signers.ts";
import type { Command } from "./command.ts";
import { loadConfiguration } from "./configuration.ts";
import { askedOrigin, keyOptions, openKeys, originOption } from "./keys-access.ts";

interface Row {
  readonly role: keyof Signers;
  readonly algorithm: string;
  /** What people compare: a vkey, a digest of the public key, a fingerprint. */
  readonly id: string;
}

export const keysList: Command = {
  summary: "show which keys a key file holds",
  options: [...keyOptions, originOption],
  examples: ["kiln keys list --origin releases.example.com", "kiln keys list --keys release-keys.age --json"],
  async run(input, context) {
    const configuration = await loadConfiguration(input, context);
    const keys = await openKeys(configuration, context, await askedOrigin(input, configuration, context));
    const rows = rowsOf(keys.held);
    const created = new Date(keys.created).toISOString();
    return {
      json: { file: keys.where, origin: keys.origin, created, keys: rows },
      text: [
        `${keys.where}: ${keys.origin}, made ${created.slice(0, 10)}`,
        ...rows.map(({ role, algorithm, id }) => `  ${role.padEnd(7)}  ${algorithm.padEnd(8)}  ${id}`),
      ].join("\n"),
    };
  },
};

function rowsOf({ log, release, openpgp }: Partial<Signers>): Row[] {
  return [
    ...(log ? [{ role: "log", algorithm: "Ed25519", id: log.vkey } as const] : []),
    ...(release ? [{ role: "release", algorithm: "P-256", id: `SHA256:${keyHint(release.publicKey)}` } as const] : []),
    ...(openpgp ? [{ role: "openpgp", algorithm: "RSA-4096", id: openpgp.fingerprint.toUpperCase() } as const] : []),
  ];
}
