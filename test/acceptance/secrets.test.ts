// Private keys, passphrases and step secrets stay where their owner put them: they are looked for in the arguments and
// environments of all processes while commands run, in all that is printed, and in every file that is left.

import { createPrivateKey } from "node:crypto";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { zstdCompressSync } from "node:zlib";

import { readPrivateKey } from "openpgp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { openKeys } from "../../src/sign/key-file.ts";
import { type Leak, type Search, searchFolder, searchFor, type Secret, watchProcesses } from "../fixtures/leaks.ts";
import {
  staticVersion,
  commit,
  emptyScene,
  git,
  type RunOptions,
  recipe,
  removeScene,
  type Said,
  type Scene,
  startKiln,
} from "../fixtures/scene.ts";

const passphrase = "pass phrase/+ of \"these\" & 'those' 5f2c91d07b";
const token = "tok/en+ with=\"all\" & '$igns' 8d41c6e90a37b2";
/** As a private key in a variable is. */
const lines = "-----BEGIN SOMETHING-----\nMHcCAQEEIBkq0aVbHc9Qf3\nZz8nJ2o1Tg7mWk4xRr5uSs\n-----END SOMETHING-----";

/** What a step does that is careless with its secrets, in as many ways as there are. */
const careless = `
  cd "$KILN_SECRETS"
  cat TOKEN; cat TOKEN LINES >&2; echo; echo "it is $(cat TOKEN)."
  base64 TOKEN; base64 LINES; base64 -w0 TOKEN; echo; od -An -v -tx1 TOKEN | tr -d ' \\n'; echo
  node -e 'for (const name of ["TOKEN", "LINES"]) { const it = fs.readFileSync(name, "utf8"); console.log(encodeURIComponent(it), JSON.stringify({ it }), Buffer.from(it).toString("base64url"), Buffer.from(it).toString("hex")); }'
  sleep 0.2
`;

let scene: Scene;
let secrets: Secret[];
let search: Search;
const printed: { command: string; said: Said }[] = [];
const watched: Leak[] = [];
const seen: Record<string, number> = {};
let passphraseFile: string;
const base64 = (text: string): string => Buffer.from(text).toString("base64");

beforeAll(async () => {
  scene = emptyScene();
  passphraseFile = join(scene.root, "passphrase");
  await writeFile(passphraseFile, `${passphrase}\n`, { mode: 0o600 });
  secrets = [
    { name: "passphrase", bytes: Buffer.from(passphrase) },
    { name: "token", bytes: Buffer.from(token) },
    ...lines
      .split("\n")
      .slice(1, 3)
      .map((line) => ({ name: "lines", bytes: Buffer.from(line) })),
  ];
  search = searchFor(secrets);
  await git(scene, "init", "--quiet", "--initial-branch", "main");
  await release("1.0.0", { fetch: JSON.stringify([{ run: careless, secrets: ["TOKEN", "LINES"] }]) });

  await run(["keys", "create", "--origin", "kiln.test", "--passphrase-file", passphraseFile, "--verbose"], {
    env: { KILN_PASSPHRASE: undefined },
  });
  secrets.push(...(await privateParts()));
  search = searchFor(secrets);
  const { keysFile, store } = scene;
  await run(["keys", "list", "--origin", "kiln.test", "--json"]);
  await run(["keys", "export", "--origin", "kiln.test"]);
  await run(["store", "create", store, "--origin", "kiln.test", "--verbose"]);
  await run(["config", "--json"]);
  await run(["plan", "--explain", "--json"]);
  await run(["bake", "--verbose"]);
  await run(["publish", "--verbose"]);
  await release("1.1.0", { fetch: JSON.stringify([{ run: careless, secrets: ["TOKEN", "LINES"] }]) });
  await run(["bake", "--twice", "--json"], { env: { KILN_ISOLATION: "sandbox" } });
  await run(["publish", "--json"], { env: { KILN_PASSPHRASE: undefined, KILN_PASSPHRASE_FILE: passphraseFile } });
  const data = { KILN_KEYS_DATA: await readFile(keysFile, "utf8") };
  await run(["promote", "app:staging", "production", "--json"], { env: data });
  await run(["verify", "app@1.1.0", "--verbose"]);
  await run(["audit", "--json"]);
  await run(["deploy", "app:production", "--verbose"]);
  await run(["show", "app@1.1.0", "--json"]);

  await release("1.2.0", { fetch: JSON.stringify([{ run: `${careless}; exit 3`, secrets: ["TOKEN", "LINES"] }]) });
  for (const KILN_ISOLATION of ["none", "sandbox"]) {
    await run(["publish", "--verbose", "--json"], { env: { KILN_ISOLATION }, fails: true });
  }
  await run(["publish", "--verbose", "--json"], { env: { KILN_PASSPHRASE: `${passphrase} and more` }, fails: true });
  await chmod(keysFile, 0o600);
  await run(["publish", "--verbose"], { env: { KILN_KEYS_DATA: data.KILN_KEYS_DATA.slice(0, 900) }, fails: true });
  await run(["keys", "create", "--origin", "kiln.test", "--json", "--verbose"], { fails: true });
});
afterAll(() => removeScene(scene));

describe("nothing secret is found", () => {
  test("in the arguments and environments of the processes that were started", () => {
    expect(watched).toEqual([]);
    // The look was quick enough to see something, on a busy machine too.
    expect(seen["bake --verbose"]).toBeGreaterThan(2);
    expect(seen["bake --twice --json"]).toBeGreaterThan(2);
    expect(seen["deploy app:production --verbose"]).toBeGreaterThanOrEqual(0);
  });

  test("in what was printed", () => {
    for (const { command, said } of printed) {
      expect(search(`stdout of ${command}`, said.stdout)).toEqual([]);
      expect(search(`stderr of ${command}`, said.stderr)).toEqual([]);
    }
    // The careless step was heard.
    const verbose = printed.find(({ command }) => command === "bake --verbose");
    expect(verbose?.said.stderr).toMatch(/it is \*\*\*\./);
  });

  test("in the store, the host, the project with its logs and bakes, the settings and the caches", () => {
    expect(searchFolder(search, scene.root, [passphraseFile])).toEqual([]);
  });
});

describe("the search finds", () => {
  const plant = async (content: string | Buffer): Promise<Leak[]> => {
    const path = join(scene.root, "planted");
    await writeFile(path, content);
    const leaks = searchFolder(search, scene.root, [passphraseFile]);
    await writeFile(path, "");
    return leaks;
  };

  test.each([
    ["plain", token],
    ["in the middle of a line", `password=${token};`],
    ["as base64", base64(token)],
    ["inside of other base64", base64(`user:${token}\n`)],
    ["as base64 in short lines", base64(`ab${token}`).replaceAll(/.{20}/g, "$&\r\n")],
    ["as hex", Buffer.from(token).toString("hex")],
    ["as part of an address", `https://x/?q=${encodeURIComponent(token)}`],
    ["as JSON", JSON.stringify({ token })],
    ["compressed", zstdCompressSync(Buffer.from(`x ${token} y`))],
  ])("a secret %s", async (_, content) => {
    expect(await plant(content)).toContainEqual(expect.objectContaining({ secret: "token" }));
  });

  test("each private key, in the key file's own form", async () => {
    const {
      log = "",
      release: released = "",
      openpgp,
    } = await openKeys(await readFile(scene.keysFile, "utf8"), passphrase, "");
    const leaks = await plant(JSON.stringify([log, released, openpgp?.privateKey]));
    expect(leaks.map(({ secret }) => secret)).toEqual(expect.arrayContaining(["log", "release", "openpgp"]));
  });

  test("a secret in the arguments, and one in the environment, of a process's child", async () => {
    const child = startKiln(scene, ["list"], {
      wrapper: ["sh", "-c", `TOKEN="$1" sh -c 'sleep 0.3; : "$1"' sh "$2"; exec "$@"`, "sh", token, passphrase],
    });
    const { leaks } = await watchProcesses(search, child.pid ?? 0, child);
    expect(leaks).toContainEqual({ secret: "token", where: expect.stringMatching(/^environment of sleep/) });
    expect(leaks).toContainEqual({ secret: "passphrase", where: expect.stringMatching(/^arguments of sh/) });
  });
});

/** Runs a command with all secrets in its environment, watched; it must end well, or with `fails` not. */
async function run(args: readonly string[], options: RunOptions & { readonly fails?: boolean } = {}): Promise<void> {
  const env = { KILN_PASSPHRASE: passphrase, TOKEN: token, LINES: lines, ...options.env };
  const child = startKiln(scene, args, { ...options, env });
  const { leaks, seen: count } = await watchProcesses(search, child.pid ?? 0, child);
  const { exitCode, stdout, stderr } = await child;
  const command = args.join(" ");
  expect(exitCode === 0, `${command}\n${stderr}`).toBe(options.fails !== true);
  watched.push(...leaks);
  seen[command] = count;
  printed.push({ command, said: { end: exitCode ?? "", stdout, stderr } });
}

function release(version: string, changes: Readonly<Record<string, string>>): Promise<void> {
  return commit(scene, {
    ".gitignore": ".kiln/\n",
    "files/a.txt": version,
    "kiln.yaml": recipe({ ...changes, version: staticVersion(version) }),
  });
}

/** The numbers that make the keys private, not the public ones beside them. */
async function privateParts(): Promise<Secret[]> {
  const {
    log = "",
    release: released = "",
    openpgp,
  } = await openKeys(await readFile(scene.keysFile, "utf8"), passphrase, "");
  const scalar = (pem: string): Buffer =>
    Buffer.from(createPrivateKey(pem).export({ format: "jwk" }).d ?? "", "base64url");
  const { keyPacket } = await readPrivateKey({ armoredKey: openpgp?.privateKey ?? "" });
  const { d, p, q } = (keyPacket as unknown as { privateParams: Record<"d" | "p" | "q", Uint8Array> }).privateParams;
  return [
    { name: "log", bytes: scalar(log) },
    { name: "release", bytes: scalar(released) },
    ...[d, p, q].map((number) => ({ name: "openpgp", bytes: Buffer.from(number) })),
  ];
}
