// Opens the private keys that a command signs with: from the file that a setting names, from KILN_KEYS_DATA (the file's text,
// which is how CI keeps a secret), or from where the keys of a store lie.

import type { Context } from "../context.ts";
import { KilnError } from "../errors.ts";
import { readKeyFile } from "../sign/key-file.ts";
import { checkOrigin, type KeySource, type LoadedKeys, loadKeys } from "../sign/keys.ts";
import { readPassphrase } from "../sign/passphrase.ts";
import { openStore } from "../stores/index.ts";
import type { Input } from "./command.ts";
import { type Configuration, defaultKeysFile } from "./configuration.ts";
import { originOf } from "./store-access.ts";

export const originOption = { flags: "--origin HOST", description: "the keys of the store that has this log" } as const;

/** The value of --origin. Throws USAGE. */
export function givenOrigin({ options }: Input): string | undefined {
  const { origin } = options;
  return typeof origin === "string" ? checkOrigin(origin) : undefined;
}

/** Whose keys are meant: of --origin, else of the store that is set. Throws USAGE, and what opening the store throws. */
export async function askedOrigin(
  input: Input,
  configuration: Pick<Configuration, "store" | "keys">,
  context: Context,
): Promise<string | undefined> {
  const origin = givenOrigin(input);
  if (origin !== undefined) return origin;
  if (configuration.store === undefined || configuration.keys !== undefined) return undefined;
  return originOf(await openStore(configuration.store, context));
}

export const passphraseOption = {
  flags: "--passphrase-file FILE",
  description: "a file with the passphrase, if not KILN_PASSPHRASE (KILN_PASSPHRASE_FILE)",
} as const;

/** For every command that opens keys. */
export const keyOptions = [
  { flags: "--keys FILE", description: "the encrypted private keys (KILN_KEYS)" },
  passphraseOption,
] as const;

/** Where the keys come from: a path, or the name of the variable that holds them. */
export interface OpenedKeys extends LoadedKeys {
  readonly where: string;
}

/** `origin`: the store's, if one is known. Throws KEYS_NOT_FOUND, KEYS_INVALID, PASSPHRASE_MISSING, PASSPHRASE_WRONG, USAGE. */
export async function openKeys(
  configuration: Pick<Configuration, "keys" | "passphraseFile">,
  context: Context,
  origin: string | undefined,
): Promise<OpenedKeys> {
  const { name, text } = await readSource(configuration.keys, context, origin);
  // Asked for only when there is something to open.
  const passphrase = await readPassphrase(context, configuration.passphraseFile);
  return { ...(await loadKeys({ name, text }, passphrase)), where: name };
}

async function readSource(
  named: string | undefined,
  context: Context,
  origin: string | undefined,
): Promise<Extract<KeySource, { text: string }>> {
  const data = context.env["KILN_KEYS_DATA"];
  if (named === undefined && data !== undefined && data !== "") return { name: "KILN_KEYS_DATA", text: data };
  const file = named ?? (origin === undefined ? undefined : defaultKeysFile(context, origin));
  if (file === undefined) {
    throw new KilnError("USAGE", "got no keys", {
      hint: "name them with --keys or KILN_KEYS, or what they are for with --store or --origin",
    });
  }
  return { name: file, text: await readKeyFile(file) };
}
