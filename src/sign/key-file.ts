// The key file: every private key of a store as one JSON document, encrypted to a passphrase in the age format (armored),
// so that `age -d` opens it without Kiln. scrypt's work factor is 2^16: a publish pays 0.2 s and 64 MiB for it once, and
// so does every guess at the passphrase. The file is written whole or not at all, for its owner alone, and never replaced.

import { link, mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";

import { armor, Decrypter, Encrypter } from "age-encryption";
import { z } from "zod";

import { isSystemError, KilnError } from "../errors.ts";
import { withTemporary } from "../system/durable-temporary.ts";
import { explainFailure, makeFolder, syncFolder } from "../system/durable.ts";
import { scryptIdentity } from "./scrypt-identity.ts";

const contentSchema = z.strictObject({
  kiln: z.literal(1),
  origin: z.string().describe("the log's name"),
  created: z.int().nonnegative().describe("seconds since 1970"),
  log: z.string().optional().describe("Ed25519, PKCS #8 PEM"),
  release: z.string().optional().describe("ECDSA P-256, PKCS #8 PEM"),
  openpgp: z
    .strictObject({ fingerprint: z.string(), publicKey: z.string(), privateKey: z.string() })
    .optional()
    .describe("armored"),
});

export type KeyFileContent = z.infer<typeof contentSchema>;

export const defaultWorkFactor = 16;

/** The encrypted text. `workFactor`: scrypt's, as a power of two. */
export async function sealKeys(content: KeyFileContent, passphrase: string, workFactor: number): Promise<string> {
  const encrypter = new Encrypter();
  encrypter.setPassphrase(passphrase);
  encrypter.setScryptWorkFactor(workFactor);
  return `${armor.encode(await encrypter.encrypt(JSON.stringify(content))).trimEnd()}\n`;
}

/** Decrypts and parses; `where` names the text. Throws PASSPHRASE_WRONG or KEYS_INVALID. */
export async function openKeys(text: string, passphrase: string, where: string): Promise<KeyFileContent> {
  const decrypter = new Decrypter();
  decrypter.addIdentity(scryptIdentity(passphrase));
  let plain: string;
  try {
    const encrypted = armor.decode(text);
    // Without this, a file for a recipient's key would look like a wrong passphrase.
    if (!Buffer.from(encrypted.subarray(0, 64)).toString("latin1").includes("\n-> scrypt ")) {
      throw new Error("not encrypted to a passphrase");
    }
    plain = await decrypter.decrypt(encrypted, "text");
  } catch (cause) {
    // The library throws plain errors, and only this text tells a wrong passphrase from damage.
    if (cause instanceof Error && cause.message === "no identity matched any of the file's recipients") {
      throw new KilnError("PASSPHRASE_WRONG", `${where}: got a passphrase that doesn't open it`, {
        hint: "check KILN_PASSPHRASE, KILN_PASSPHRASE_FILE or --passphrase-file",
      });
    }
    throw invalid(where, "got a text that isn't a key file, or a damaged one", cause);
  }
  return parseContent(plain, where);
}

/** Reads the encrypted text. Throws KEYS_NOT_FOUND, KEYS_INVALID (a folder), PERMISSION_DENIED. */
export async function readKeyFile(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    if (isSystemError(cause, "ENOENT", "ENOTDIR")) {
      throw new KilnError("KEYS_NOT_FOUND", `${file}: got no key file`, {
        hint: "name the right one with --keys or KILN_KEYS, or make one with `kiln keys create`",
        cause,
      });
    }
    if (isSystemError(cause, "EISDIR")) throw invalid(file, "got a folder, want a key file", cause);
    throw explainFailure(cause, file);
  }
}

/** Throws KEYS_EXIST if there is something at `file` (absolute), PERMISSION_DENIED, DISK_FULL. */
export async function writeKeyFile(file: string, text: string): Promise<void> {
  const folder = dirname(file);
  try {
    await makeOwnFolder(folder);
    await withTemporary({ folder, mode: 0o600 }, async (temporary) => {
      await temporary.handle.writeFile(text);
      await temporary.handle.sync();
      // If we stop here there is one temporary file more, and it is encrypted as well.
      await putInPlace(temporary.path, file);
    });
    // A log goes on with the key that it began with: a key file that a power cut takes away can't be made again.
    await syncFolder(folder);
  } catch (cause) {
    // These are about the path to it: something else stands where a folder should.
    if (isSystemError(cause, "ENOTDIR", "EEXIST", "ENOENT")) throw noFolder(folder, cause);
    throw explainFailure(cause, file);
  }
}

export function keysExist(file: string, cause?: unknown): KilnError {
  return new KilnError("KEYS_EXIST", `${file}: got a file already, want none`, {
    hint: "keys are never overwritten: use these, or name another file",
    cause,
  });
}

function parseContent(plain: string, where: string): KeyFileContent {
  let json: unknown;
  try {
    json = JSON.parse(plain);
  } catch {
    // No cause: a parser's message may quote what it read, and that is private.
    throw invalid(where, "got an encrypted text that isn't JSON");
  }
  const result = contentSchema.safeParse(json);
  if (result.success) return result.data;
  const places = result.error.issues.map(({ path, code }) => `${path.join(".") || "document"}: ${code}`);
  throw invalid(where, `got an encrypted document that isn't one of keys (${places.join(", ")})`);
}

/** The last folder is for its owner alone, if it has to be made. */
async function makeOwnFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch (error) {
    // Those above one that is there needn't be readable, so they can't be synced either.
    if (isSystemError(error, "EEXIST")) return;
    if (!isSystemError(error, "ENOENT") || dirname(folder) === folder) throw error;
    await makeFolder(dirname(folder));
    return makeOwnFolder(folder);
  }
  await syncFolder(dirname(folder));
}

/** A link, unlike a rename, never replaces what is there. */
async function putInPlace(temporary: string, file: string): Promise<void> {
  try {
    await link(temporary, file);
  } catch (error) {
    if (isSystemError(error, "EEXIST")) throw keysExist(file, error);
    throw error;
  }
}

function invalid(where: string, problem: string, cause?: unknown): KilnError {
  return new KilnError("KEYS_INVALID", `${where}: ${problem}`, {
    hint: "restore it from its backup, or name the right one with --keys or KILN_KEYS",
    cause,
  });
}

function noFolder(folder: string, cause: unknown): KilnError {
  return new KilnError("NOT_A_FOLDER", `${folder}: got something that isn't a folder, want one for the key file`, {
    hint: "name another file",
    cause,
  });
}
