// One set of keys for every test of a worker: making RSA-4096 takes a moment. The work factor is the lowest there is.

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createKeys, type LoadedKeys, loadKeys, type PublicKeys } from "../../src/sign/keys.ts";

export const origin = "log.example";
export const passphrase = "correct horse battery staple";
export const madeAt = Date.UTC(2026, 0, 2, 3, 4, 5);

export interface MadeKeys {
  readonly publicKeys: PublicKeys;
  readonly loaded: LoadedKeys;
  /** The key file's text. */
  readonly text: string;
}

let made: Promise<MadeKeys> | undefined;

export function madeKeys(): Promise<MadeKeys> {
  made ??= make();
  return made;
}

async function make(): Promise<MadeKeys> {
  const folder = await mkdtemp(join(tmpdir(), "kiln-keys-"));
  try {
    const file = join(folder, "log.example.age");
    const publicKeys = await createKeys({ file, origin, passphrase, now: madeAt, workFactor: 1 });
    return { publicKeys, loaded: await loadKeys({ file }, passphrase), text: await readFile(file, "utf8") };
  } finally {
    await rm(folder, { recursive: true });
  }
}
