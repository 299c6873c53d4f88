// Private keys that aren't there, can't be opened or are others; trust files that can't be used or don't allow it.

import { chmod, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, beforeAll } from "vitest";

import { type Trust, trustBytes } from "../../src/artifact/trust.ts";
import { asPlainUser } from "../fixtures/mounts.ts";
import { type Refusal, testRefusals } from "../fixtures/refusals.ts";
import { kilnDone, makeScene, removeScene, type Scene } from "../fixtures/scene.ts";

let scene: Scene;
/** Of another store with the same origin, and of one with another. */
const others = { same: "", another: "" };

beforeAll(async () => {
  scene = await makeScene();
  others.same = join(scene.root, "same.age");
  others.another = join(scene.root, "another.age");
  await kilnDone(scene, ["keys", "create", others.same, "--origin", "kiln.test"]);
  await kilnDone(scene, ["keys", "create", others.another, "--origin", "another.test"]);
});
afterAll(() => removeScene(scene));

const passphraseFile = (own: Scene): string => join(own.root, "passphrase");

/** Writes a trust file that differs from the right one. */
const withTrust = (change: (trust: Trust) => unknown) => async (own: Scene) => {
  const trust = JSON.parse(await readFile(own.trustFile, "utf8")) as Trust;
  await writeFile(own.trustFile, trustBytes(change(trust) as Trust));
};

const publish = ["publish"];

const noPassphrase = { status: 1, code: "PASSPHRASE_MISSING" } as const;
const notAllowed = { status: 3, code: "KEY_NOT_ALLOWED" } as const;
const noKeys = { status: 1, code: "KEYS_INVALID" } as const;
const noTrust = { status: 2, code: "TRUST_INVALID" } as const;

const refusals: readonly Refusal[] = [
  { title: "no key file", setUp: (own) => rm(own.keysFile), command: publish, status: 1, code: "KEYS_NOT_FOUND" },
  {
    title: "a key file that is named and isn't there",
    command: ["publish", "--keys", "nowhere.age"],
    status: 1,
    code: "KEYS_NOT_FOUND",
    says: "nowhere.age",
  },
  { title: "a folder for a key file", command: ["publish", "--keys", "files"], ...noKeys },
  {
    title: "a wrong passphrase",
    command: publish,
    options: { env: { KILN_PASSPHRASE: "not this one" } },
    status: 1,
    code: "PASSPHRASE_WRONG",
  },
  { title: "no passphrase", command: publish, options: { env: { KILN_PASSPHRASE: undefined } }, ...noPassphrase },
  { title: "an empty passphrase", command: publish, options: { env: { KILN_PASSPHRASE: "" } }, ...noPassphrase },
  {
    title: "an empty passphrase file",
    setUp: (own) => writeFile(passphraseFile(own), "\n"),
    command: (own) => ["publish", "--passphrase-file", passphraseFile(own)],
    ...noPassphrase,
    says: "passphrase",
  },
  {
    title: "a passphrase file that isn't there",
    command: (own) => ["promote", "app:staging", "production", "--passphrase-file", passphraseFile(own)],
    ...noPassphrase,
  },
  {
    title: "a passphrase file that may not be read",
    setUp: (own) => writeFile(passphraseFile(own), "secret", { mode: 0 }),
    command: (own) => ["publish", "--passphrase-file", passphraseFile(own)],
    options: { wrapper: asPlainUser },
    status: 1,
    code: "PERMISSION_DENIED",
  },
  { title: "a key file of garbage", setUp: (own) => writeFile(own.keysFile, "garbage"), command: publish, ...noKeys },
  { title: "an empty key file", setUp: (own) => writeFile(own.keysFile, ""), command: publish, ...noKeys },
  {
    title: "half a key file",
    setUp: async (own) => {
      const text = await readFile(own.keysFile, "utf8");
      await writeFile(own.keysFile, text.slice(0, text.length / 2));
    },
    command: publish,
    ...noKeys,
  },
  {
    title: "a key file with one character changed",
    setUp: async (own) => {
      const lines = (await readFile(own.keysFile, "utf8")).split("\n");
      const line = lines[20] ?? "";
      lines[20] = (line.startsWith("A") ? "B" : "A") + line.slice(1);
      await writeFile(own.keysFile, lines.join("\n"));
    },
    command: publish,
    ...noKeys,
  },
  {
    title: "key data in a variable that is garbage",
    command: publish,
    options: { env: { KILN_KEYS_DATA: "garbage" } },
    ...noKeys,
    says: "KILN_KEYS_DATA",
  },
  {
    title: "a key file that may not be read",
    setUp: (own) => chmod(own.keysFile, 0),
    command: publish,
    options: { wrapper: asPlainUser },
    status: 1,
    code: "PERMISSION_DENIED",
  },
  {
    title: "keys that the trust file hasn't got",
    command: () => ["publish", "--keys", others.same],
    ...notAllowed,
  },
  {
    title: "keys that the trust file hasn't got, to promote",
    command: () => ["promote", "app:staging", "production", "--keys", others.same],
    ...notAllowed,
  },
  { title: "keys of another store", command: () => ["publish", "--keys", others.another], ...notAllowed },
  {
    title: "keys create where there are some",
    command: ["keys", "create", "--origin", "kiln.test"],
    status: 1,
    code: "KEYS_EXIST",
  },
  {
    title: "keys create below a file",
    command: ["keys", "create", "kiln.yaml/keys.age", "--origin", "kiln.test"],
    status: 1,
    code: "NOT_A_FOLDER",
  },
  {
    title: "store create with other keys than its trust file has",
    command: (own) => ["store", "create", join(own.root, "new"), "--origin", "kiln.test", "--keys", others.same],
    ...noTrust,
  },
  {
    title: "store create with the keys of another origin",
    command: (own) => ["store", "create", join(own.root, "new"), "--origin", "kiln.test", "--keys", others.another],
    ...noTrust,
  },

  ...[["publish"], ["verify", "app@1.0.0"], ["deploy", "app:staging"], ["views", "rebuild"]].flatMap((command) => {
    const typed = `kiln ${command.join(" ")}`;
    return [
      {
        title: `no trust file: ${typed}`,
        setUp: (own: Scene) => rm(own.trustFile),
        command,
        status: 2,
        code: "NO_TRUST",
      },
      {
        title: `a trust file of garbage: ${typed}`,
        setUp: (own: Scene) => writeFile(own.trustFile, "{"),
        command,
        ...noTrust,
      },
    ] as const;
  }),
  { title: "an empty trust file", setUp: (own) => writeFile(own.trustFile, ""), command: publish, ...noTrust },
  {
    title: "a trust file of another origin",
    setUp: withTrust((it) => ({ ...it, origin: "x.test" })),
    command: publish,
    ...noTrust,
  },
  {
    title: "a trust file without release keys",
    setUp: withTrust((it) => ({ ...it, release: [] })),
    command: publish,
    ...noTrust,
  },
  {
    title: "a trust file whose log key is none",
    setUp: withTrust((it) => ({ ...it, log: "kiln.test+x" })),
    command: ["verify", "app@1.0.0"],
    ...noTrust,
  },
  {
    title: "a trust file whose release key is none",
    setUp: withTrust((it) => ({ ...it, release: it.release.map((key) => ({ ...key, publicKey: "AAAA" })) })),
    command: ["deploy", "app:staging"],
    ...noTrust,
  },
  {
    title: "a trust file that lets the key release another name only",
    setUp: withTrust((it) => ({ ...it, release: it.release.map((key) => ({ ...key, names: ["web*"] })) })),
    command: publish,
    ...notAllowed,
    says: "app",
  },
  {
    title: "a trust file that lets the key move another channel only",
    setUp: withTrust((it) => ({ ...it, release: it.release.map((key) => ({ ...key, channels: ["branch-*"] })) })),
    command: publish,
    ...notAllowed,
    says: "staging",
  },
  {
    title: "a trust file that lets the key move another channel only, to promote",
    setUp: withTrust((it) => ({ ...it, release: it.release.map((key) => ({ ...key, channels: ["staging"] })) })),
    command: ["promote", "app:staging", "production"],
    ...notAllowed,
    says: "production",
  },
  {
    title: "a trust file in which the key's time is over",
    setUp: withTrust((it) => ({ ...it, release: it.release.map((key) => ({ ...key, until: 2 })) })),
    command: publish,
    ...notAllowed,
  },
  {
    title: "a trust file in which the key's time was over, to deploy",
    setUp: withTrust((it) => ({ ...it, release: it.release.map((key) => ({ ...key, until: 2 })) })),
    command: ["deploy", "app:staging"],
    ...notAllowed,
  },
];

testRefusals(() => scene, refusals);
