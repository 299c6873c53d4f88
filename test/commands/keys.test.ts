import { createPublicKey } from "node:crypto";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { readKey } from "openpgp";
import { afterEach, beforeEach, expect, test } from "vitest";

import { parseVkey } from "../../src/artifact/log-key.ts";
import { parseTrust } from "../../src/artifact/trust.ts";
import type { Input } from "../../src/commands/command.ts";
import { keysCreate } from "../../src/commands/keys-create.ts";
import { keysExport } from "../../src/commands/keys-export.ts";
import { keysList } from "../../src/commands/keys-list.ts";
import type { Context } from "../../src/context.ts";
import { silent } from "../../src/report.ts";
import { trustOf } from "../../src/sign/keys.ts";
import { madeAt, madeKeys, origin, passphrase } from "../sign/made-keys.ts";

let home: string;
let redacted: string[];

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "kiln-keys-home-"));
  redacted = [];
});

afterEach(async () => {
  await rm(home, { recursive: true });
});

function contextOf(env: Record<string, string> = {}): Context {
  return {
    now: () => madeAt,
    signal: new AbortController().signal,
    report: { ...silent, redact: (secret) => void redacted.push(secret) },
    env: { HOME: home, KILN_PASSPHRASE: passphrase, ...env },
    cwd: home,
  };
}

const input = (options: Input["options"] = {}, ...args: string[]): Input => ({ arguments: args, options });

const list = (options: Input["options"], env?: Record<string, string>) => keysList.run(input(options), contextOf(env));

/** The made keys, where a store of their origin would look for them. */
async function installKeys(): Promise<string> {
  const file = join(home, "keys.age");
  await writeFile(file, (await madeKeys()).text);
  return file;
}

test("create writes the keys of an origin where its store looks for them, and shows the public halves", async () => {
  const result = await keysCreate.run(input({ origin }), contextOf());
  const file = join(home, ".config/kiln/keys/log.example.age");
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(result.json).toMatchObject({
    file,
    origin,
    openpgp: { fingerprint: expect.stringMatching(/^[0-9a-f]{40}$/) },
  });
  expect(result.text).toContain(`wrote ${file}\n  log      log.example+`);
  expect(redacted).toEqual([passphrase]);

  const listed = await keysList.run(input({ origin }), contextOf());
  expect(listed.json).toMatchObject({ file, origin, created: "2026-01-02T03:04:05.000Z" });
  const again = keysCreate.run(input({ origin }), contextOf());
  await expect(again).rejects.toMatchObject({ code: "KEYS_EXIST" });
});

test("create takes a file that counts from the working folder, and a passphrase from a file", async () => {
  await writeFile(join(home, "p.txt"), "from a file\n");
  const result = await keysCreate.run(input({ origin, passphraseFile: "p.txt" }, "mine.age"), contextOf());
  expect(result.json["file"]).toBe(join(home, "mine.age"));
  const listed = await keysList.run(input({ keys: "mine.age" }), contextOf({ KILN_PASSPHRASE: "from a file" }));
  expect(listed.json["origin"]).toBe(origin);
});

test("create without an origin, or without a passphrase, makes nothing", async () => {
  await expect(keysCreate.run(input(), contextOf())).rejects.toMatchObject({ code: "USAGE" });
  const unset = contextOf({ KILN_PASSPHRASE: "" });
  await expect(keysCreate.run(input({ origin }), unset)).rejects.toMatchObject({ code: "PASSPHRASE_MISSING" });
  await expect(stat(join(home, ".config"))).rejects.toMatchObject({ code: "ENOENT" });
});

test("list shows each key by what people compare", async () => {
  const { publicKeys } = await madeKeys();
  const file = await installKeys();
  const { json, text } = await keysList.run(input({ keys: file }), contextOf());
  expect(json).toMatchObject({
    keys: [
      { role: "log", algorithm: "Ed25519", id: publicKeys.log },
      { role: "release", algorithm: "P-256", id: expect.stringMatching(/^SHA256:.{44}$/) },
      { role: "openpgp", algorithm: "RSA-4096", id: publicKeys.openpgp.fingerprint.toUpperCase() },
    ],
  });
  expect(text).toMatch(/keys\.age: log\.example, made 2026-01-02\n {2}log +Ed25519 +log\.example\+/);
});

test("export prints the trust file, and each key in the form of its client", async () => {
  const { publicKeys } = await madeKeys();
  const file = await installKeys();
  const exported = async (option?: string): Promise<string> => {
    const options = option === undefined ? { keys: file } : { keys: file, [option]: true };
    const { text, json } = await keysExport.run(input(options), contextOf());
    expect(json["origin"]).toBe(origin);
    expect(String(json["content"]).trimEnd()).toBe(text);
    return text;
  };
  expect(parseTrust(Buffer.from(await exported()), "it")).toEqual(trustOf(publicKeys));
  expect((await readKey({ armoredKey: await exported("openpgp") })).getFingerprint()).toBe(
    publicKeys.openpgp.fingerprint,
  );
  const pem = createPublicKey(await exported("release"));
  expect(pem.export({ format: "der", type: "spki" }).toString("base64")).toBe(publicKeys.release);
  expect(parseVkey(await exported("log")).name).toBe(origin);
  expect(JSON.parse(await exported("trustedRoot"))).toMatchObject({ tlogs: [{ baseUrl: "https://log.example" }] });
  await expect(keysExport.run(input({ keys: file, log: true, openpgp: true }), contextOf())).rejects.toMatchObject({
    code: "USAGE",
  });
});

test("keys come from KILN_KEYS, from KILN_KEYS_DATA, or from a file that was named, which wins", async () => {
  const file = await installKeys();
  expect((await list({}, { KILN_KEYS: "keys.age" })).json["file"]).toBe(file);
  const data = await readFile(file, "utf8");
  expect((await list({}, { KILN_KEYS_DATA: data })).json["file"]).toBe("KILN_KEYS_DATA");
  expect((await list({ keys: file }, { KILN_KEYS_DATA: "garbage" })).json["file"]).toBe(file);
  await expect(list({}, { KILN_KEYS_DATA: "garbage" })).rejects.toMatchObject({ code: "KEYS_INVALID" });
});

test("no keys, absent keys and a wrong passphrase each have a code and a way out", async () => {
  const file = await installKeys();
  await expect(list({})).rejects.toMatchObject({ code: "USAGE", hint: expect.stringContaining("--keys") });
  await expect(list({ origin }, { KILN_PASSPHRASE: "" })).rejects.toMatchObject({ code: "KEYS_NOT_FOUND" });
  await expect(list({ keys: file }, { KILN_PASSPHRASE: "" })).rejects.toMatchObject({ code: "PASSPHRASE_MISSING" });
  await expect(list({ keys: file }, { KILN_PASSPHRASE: "wrong" })).rejects.toMatchObject({ code: "PASSPHRASE_WRONG" });
});

test("nothing that a command returns or throws shows a private key or the passphrase", async () => {
  const file = await installKeys();
  const shown: string[] = [];
  for (const options of [{}, { openpgp: true }, { release: true }, { trustedRoot: true }, { log: true }]) {
    shown.push(JSON.stringify(await keysExport.run(input({ keys: file, ...options }), contextOf())));
  }
  shown.push(JSON.stringify(await keysList.run(input({ keys: file }), contextOf())));
  const wrong = contextOf({ KILN_PASSPHRASE: "a wrong passphrase" });
  const error: unknown = await keysList.run(input({ keys: file }), wrong).catch((caught: unknown) => caught);
  shown.push(JSON.stringify(error), String((error as Error).stack));
  for (const text of shown) {
    expect(text).not.toContain("PRIVATE");
    expect(text).not.toContain(passphrase);
    expect(text).not.toContain("a wrong passphrase");
  }
});
