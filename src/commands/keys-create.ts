// `kiln keys create`: the keys of a new store, in one encrypted file.

import { resolve } from "node:path";

import { keyHint } from "../artifact/trust.ts";
import { KilnError } from "../errors.ts";
import { createKeys, type PublicKeys } from "../sign/keys.ts";
import { readPassphrase } from "../sign/passphrase.ts";
import type { Command, Input } from "./command.ts";
import { defaultKeysFile, loadConfiguration } from "./configuration.ts";
import { givenOrigin, passphraseOption } from "./keys-access.ts";

export const keysCreate: Command = {
  summary: "make the keys of a new store: log, release and OpenPGP key, in one encrypted file",
  arguments: [
    {
      name: "FILE",
      description: "where to write them (~/.config/kiln/keys/ORIGIN.age by default)",
      count: "optional",
    },
  ],
  options: [
    { flags: "--origin HOST", description: "the host name that the store's log will have for good" },
    passphraseOption,
  ],
  examples: [
    "kiln keys create --origin releases.example.com --passphrase-file passphrase.txt",
    "kiln keys create release-keys.age --origin releases.example.com",
  ],
  async run(input, context) {
    const origin = requireOrigin(input);
    const configuration = await loadConfiguration(input, context);
    const [named] = input.arguments;
    const file =
      named === undefined ? (configuration.keys ?? defaultKeysFile(context, origin)) : resolve(context.cwd, named);
    const passphrase = await readPassphrase(context, configuration.passphraseFile);
    const keys = await createKeys({ file, origin, passphrase, now: context.now() });
    return {
      json: {
        file,
        origin,
        log: keys.log,
        release: { publicKey: keys.release, sha256: keyHint(keys.release) },
        openpgp: { fingerprint: keys.openpgp.fingerprint },
      },
      text: textOf(file, keys),
    };
  },
};

function requireOrigin(input: Input): string {
  const origin = givenOrigin(input);
  if (origin !== undefined) return origin;
  throw new KilnError("USAGE", "keys create: got no --origin, want the host name of the store's log", {
    hint: "choose one that stays yours: it is signed into everything and can't be changed",
  });
}

function textOf(file: string, { log, release, openpgp }: PublicKeys): string {
  return [
    `wrote ${file}`,
    `  log      ${log}`,
    `  release  SHA256:${keyHint(release)}`,
    `  openpgp  ${openpgp.fingerprint.toUpperCase()}`,
    "Keep a copy of the file, and its passphrase somewhere else: neither can be made again.",
  ].join("\n");
}
