// The key file: every private key of a store as one JSON document, encrypted to a passphrase in the age format (armored),
// so that `age -d` opens it without Kiln. scrypt's work factor is 2^16: a publish pays 0.2 s and 64 MiB for it once, and
// so does every guess at the passphrase. The file is written whole or not at all, for its owner alone, and never replaced.

import { randomBytes } from "node:crypto";
import { link, mkdir, open, readFile, rm } from "node:fs/promises";
import { dirname } from "node:path";

import { armor, Decrypter, Encrypter } from "age-encryption";
import { z } from "zod";

import { isSystemError, KilnError } from "../errors.ts";

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
  decrypter.addPassphrase(passphrase);
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
    throw denied(file, "read", cause);
  }
}

/** Throws KEYS_EXIST if there is something at `file`, PERMISSION_DENIED, DISK_FULL. */
export async function writeKeyFile(file: string, text: string): Promise<void> {
  const temporary = `${file}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await writeDurably(temporary, text);
    // If we stop here there is one temporary file more, and it is encrypted as well.
    await putInPlace(temporary, file);
    await syncFolder(dirname(file));
  } catch (cause) {
    throw denied(file, "write", cause);
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

async function writeDurably(file: string, text: string): Promise<void> {
  const handle = await open(file, "wx", 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A link, unlike a rename, never replaces what is there. */
async function putInPlace(temporary: string, file: string): Promise<void> {
  try {
    await link(temporary, file);
  } catch (cause) {
    if (isSystemError(cause, "EEXIST")) throw keysExist(file, cause);
    throw cause;
  } finally {
    await rm(temporary);
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function invalid(where: string, problem: string, cause?: unknown): KilnError {
  return new KilnError("KEYS_INVALID", `${where}: ${problem}`, {
    hint: "restore it from its backup, or name the right one with --keys or KILN_KEYS",
    cause,
  });
}

function denied(file: string, action: "read" | "write", cause: unknown): unknown {
  if (isSystemError(cause, "EACCES", "EPERM", "EROFS", "ENOTDIR", "EEXIST")) {
    return new KilnError("PERMISSION_DENIED", `${file}: can't ${action} it (${String(cause.code)})`, {
      hint: "check the owner, the mode and the folders of this path",
      cause,
    });
  }
  if (isSystemError(cause, "ENOSPC", "EDQUOT")) {
    return new KilnError("DISK_FULL", `${file}: no room to write it`, {
      hint: "free some room and run it again",
      cause,
    });
  }
  return cause;
}
