// `kiln keys export`: the public halves of the keys, in the form that a client wants. Nothing private leaves the file.

import { trustedRoot } from "../artifact/sigstore.ts";
import { publicKeyOf, trustBytes } from "../artifact/trust.ts";
import { KilnError } from "../errors.ts";
import { type PublicKeys, publicKeysOf, trustOf } from "../sign/keys.ts";
import type { Command, Input } from "./command.ts";
import { loadConfiguration } from "./configuration.ts";
import { askedOrigin, keyOptions, openKeys, originOption } from "./keys-access.ts";

const forms = {
  openpgp: {
    description: "the OpenPGP key, armored: for gpgv, apt and rpm",
    write: (keys: PublicKeys) => keys.openpgp.publicKey,
  },
  release: {
    description: "the release key, PEM: for cosign --key",
    write: (keys: PublicKeys) => publicKeyOf(keys.release).export({ type: "spki", format: "pem" }).toString(),
  },
  trustedRoot: {
    description: "the log's key, trusted_root.json: for cosign --trusted-root",
    write: (keys: PublicKeys) => text(trustedRoot(trustOf(keys), keys.created)),
  },
  log: { description: "the log's key, vkey: for witnesses and monitors", write: (keys: PublicKeys) => keys.log },
} as const;

type Form = keyof typeof forms;

export const keysExport: Command = {
  summary: "print public keys: a trust file for clients to pin, or one key in the form of another client",
  options: [
    ...keyOptions,
    originOption,
    { flags: "--openpgp", description: forms.openpgp.description },
    { flags: "--release", description: forms.release.description },
    { flags: "--trusted-root", description: forms.trustedRoot.description },
    { flags: "--log", description: forms.log.description },
  ],
  examples: [
    "kiln keys export --origin releases.example.com > trust.json",
    "kiln keys export --keys release-keys.age --openpgp > releases.asc",
  ],
  async run(input, context) {
    const form = formOf(input);
    const configuration = await loadConfiguration(input, context);
    const opened = await openKeys(configuration, context, await askedOrigin(input, configuration, context));
    const keys = publicKeysOf(opened);
    const content = form === undefined ? text(trustBytes(trustOf(keys))) : forms[form].write(keys);
    return { json: { origin: keys.origin, form: form ?? "trust", content }, text: content.trimEnd() };
  },
};

function formOf({ options }: Input): Form | undefined {
  const asked = (Object.keys(forms) as Form[]).filter((form) => options[form] === true);
  if (asked.length > 1) throw new KilnError("USAGE", `keys export: got ${asked.length} forms, want one of them`);
  return asked[0];
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("utf8");
}
