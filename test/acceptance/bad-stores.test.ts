// Stores that aren't there, aren't stores, can't be written, or hold something else than what Kiln wrote.

import { chmod, copyFile, mkdir, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { asPlainUser, inNamespace } from "../fixtures/mounts.ts";
import { type Refusal, testRefusals } from "../fixtures/refusals.ts";
import {
  copyScene,
  expectRefused,
  kiln,
  kilnDone,
  makeScene,
  removeScene,
  type Scene,
  stateOf,
  write,
} from "../fixtures/scene.ts";

let scene: Scene;
beforeAll(async () => void (scene = await makeScene()));
afterAll(() => removeScene(scene));

const everyCommand: readonly (readonly string[])[] = [
  ["list"],
  ["show", "app@1.0.0"],
  ["verify", "app@1.0.0"],
  ["deploy", "app:staging"],
  ["publish"],
  ["promote", "app:staging", "production"],
  ["views", "rebuild"],
  ["audit"],
];

const writers = everyCommand.filter(([verb]) => ["publish", "promote", "views"].includes(verb ?? ""));

const forEach = (
  commands: readonly (readonly string[])[],
  { title, ...refusal }: Omit<Refusal, "command">,
): Refusal[] => commands.map((command) => ({ title: `${title}: kiln ${command.join(" ")}`, command, ...refusal }));

const at = (own: Scene, key: string): string => join(own.store, key);

/** Replaces a document of the store; what it says then counts for all of `commands`. */
const spoilt = (key: string, bytes: string | Uint8Array, refusal: Partial<Refusal>): Refusal[] => {
  const { title = `${key} of garbage`, command = ["publish"], status = 3, code = "STORE_CORRUPT", ...rest } = refusal;
  return [{ title, command, status, code, says: key, ...rest, setUp: (own) => writeFile(at(own, key), bytes) }];
};

testRefusals(
  () => scene,
  [
    ...forEach(everyCommand, {
      title: "no such folder",
      setUp: (own) => rm(own.store, { recursive: true }),
      status: 1,
      code: "STORE_NOT_FOUND",
    }),
    ...forEach(everyCommand, {
      title: "a folder that isn't a store",
      setUp: async (own) => {
        await rm(own.store, { recursive: true });
        await write(own.store, { "kiln.txt": "no store" });
      },
      status: 1,
      code: "STORE_NOT_FOUND",
    }),
    ...forEach(everyCommand.slice(0, 5), {
      title: "a file instead of a folder",
      setUp: async (own) => {
        await rm(own.store, { recursive: true });
        await writeFile(own.store, "");
      },
      status: 1,
      code: "STORE_NOT_FOUND",
    }),
    ...forEach([["list"], ["publish"]], {
      title: "no store named at all",
      options: { env: { KILN_STORE: undefined } },
      status: 2,
      code: "USAGE",
      says: "no store",
    }),
    ...forEach([["list"], ["publish"]], {
      title: "an address of a sort that there isn't",
      options: { env: { KILN_STORE: "ftp://example.com/store" } },
      status: 2,
      code: "USAGE",
      says: "ftp:",
    }),
    ...forEach(writers, {
      title: "a store over http",
      options: { env: { KILN_STORE: "http://127.0.0.1:1/" } },
      status: 1,
      code: "STORE_READ_ONLY",
    }),
    ...forEach(writers, {
      title: "a store on a read-only file system",
      options: (own) => ({
        wrapper: inNamespace(`mount --bind '${own.store}' '${own.store}' && mount -o remount,ro,bind '${own.store}'`),
      }),
      status: 1,
      code: "STORE_READ_ONLY",
    }),
    ...forEach(writers, {
      title: "a store of somebody else",
      setUp: async (own) => {
        for (const entry of [own.store, ...(await readdir(own.store)).map((name) => at(own, name))]) {
          await chmod(entry, entry.endsWith(".json") ? 0o444 : 0o555);
        }
      },
      options: { wrapper: asPlainUser },
      status: 1,
      code: "STORE_READ_ONLY",
    }),
    ...forEach([["list"], ["deploy", "app:staging"]], {
      title: "a store that may not be read",
      setUp: (own) => chmod(own.store, 0),
      options: { wrapper: asPlainUser },
      status: 1,
      code: "PERMISSION_DENIED",
    }),
    {
      title: "store create where a store is",
      command: (own) => ["store", "create", own.store, "--origin", "kiln.test"],
      status: 1,
      code: "STORE_EXISTS",
    },
    {
      title: "store create with an origin that is a path",
      command: (own) => ["store", "create", join(own.root, "new"), "--origin", "kiln.test/log"],
      status: 2,
      code: "USAGE",
    },
    {
      title: "store create over http",
      command: ["store", "create", "http://127.0.0.1:1/", "--origin", "kiln.test"],
      status: 1,
      code: "STORE_READ_ONLY",
    },
    {
      title: "store create at a file",
      setUp: (own) => write(own.root, { taken: "" }),
      command: (own) => ["store", "create", join(own.root, "taken"), "--origin", "kiln.test"],
      status: 1,
      code: "NOT_A_FOLDER",
    },
    {
      title: "store create below a file",
      setUp: (own) => write(own.root, { taken: "" }),
      command: (own) => ["store", "create", join(own.root, "taken/store"), "--origin", "kiln.test"],
      status: 1,
      code: "NOT_A_FOLDER",
    },
    {
      title: "store create where only somebody else may write",
      setUp: async (own) => {
        await mkdir(join(own.root, "theirs"));
        await chmod(join(own.root, "theirs"), 0o555);
      },
      command: (own) => ["store", "create", join(own.root, "theirs/store"), "--origin", "kiln.test"],
      options: { wrapper: asPlainUser },
      status: 1,
      code: "PERMISSION_DENIED",
    },

    ...["list", "publish"].flatMap((verb) => [
      ...spoilt("kiln.json", "garbage", { title: `kiln.json of garbage: kiln ${verb}`, command: [verb] }),
      ...spoilt("kiln.json", "", { title: `an empty kiln.json: kiln ${verb}`, command: [verb] }),
      ...spoilt("kiln.json", '{"kiln":2,"origin":"kiln.test"}', {
        title: `kiln.json of another format version: kiln ${verb}`,
        command: [verb],
      }),
    ]),
    ...spoilt("kiln.json", '{"kiln":1,"origin":"../../x"}', { title: "an origin that is a way out" }),
    ...spoilt("kiln.json", '{"kiln":1,"origin":"other.test"}', {
      title: "an origin of another store",
      status: 2,
      code: "NO_TRUST",
      says: "other.test",
    }),
    ...spoilt("kiln.json", '{"kiln":1,"origin":"other.test"}', {
      title: "an origin of another store, with the trust file named",
      options: (own) => ({ env: { KILN_TRUST: own.trustFile } }),
      status: 2,
      code: "TRUST_INVALID",
      says: /kiln\.test.*other\.test/,
    }),
    ...spoilt("log/head", "garbage", {}),
    ...spoilt("log/head", "", { title: "an empty log/head" }),
    {
      title: "half of log/head",
      setUp: async (own) => truncate(at(own, "log/head"), (await readFile(at(own, "log/head"))).length >> 1),
      command: ["publish"],
      status: 3,
      code: "STORE_CORRUPT",
      says: "log/head",
    },
    {
      title: "log/head with one character changed in its checkpoint",
      setUp: async (own) => {
        const text = await readFile(at(own, "log/head"), "utf8");
        await writeFile(at(own, "log/head"), text.replace(String.raw`kiln.test\n5`, String.raw`kiln.test\n4`));
      },
      command: ["publish"],
      status: 3,
      code: "CHECKPOINT_INVALID",
      says: "",
    },
    {
      title: "log/head that is gone",
      setUp: (own) => rm(at(own, "log/head")),
      command: ["publish"],
      status: 1,
      code: "STORE_NOT_FOUND",
      says: "log/head",
    },
    ...spoilt("catalog/head.json", "garbage", {}),
    ...spoilt("catalog/head.json", "garbage", { title: "catalog/head.json of garbage, listed", command: ["list"] }),
    ...spoilt("catalog/head.json", "", { title: "an empty catalog/head.json" }),
    {
      title: "a catalog whose shards are gone",
      setUp: (own) => rm(at(own, "catalog/shard"), { recursive: true }),
      command: ["list"],
      status: 3,
      code: "OBJECT_MISSING",
      says: "catalog/shard/",
    },
    ...spoilt("channels/app/staging.json", "garbage", { command: ["deploy", "app:staging"] }),
    ...spoilt("channels/app/staging.json", "", { title: "an empty channel", command: ["deploy", "app:staging"] }),
    ...spoilt("releases/app/1.0.0.json", "[]", {
      title: "a release document of garbage",
      command: ["deploy", "app@1.0.0"],
    }),
    {
      title: "a folder where a document should be",
      setUp: async (own) => {
        await rm(at(own, "channels/app/staging.json"));
        await mkdir(at(own, "channels/app/staging.json"));
      },
      command: ["deploy", "app:staging"],
      status: 1,
      code: "NOT_FOUND",
    },
    {
      title: "a release document of another name, put in place",
      setUp: (own) => copyFile(at(own, "releases/app/1.0.0.json"), at(own, "releases/app/9.0.0.json")),
      command: ["deploy", "app@9.0.0"],
      status: 3,
      code: "SUBJECT_MISMATCH",
    },
  ],
);

test.each(["catalog/head.json", "catalog/shard", "channels/app/staging.json", "log/checkpoint"])(
  "after %s was spoilt, views rebuild mends what a publish can't, and the publish goes on",
  async (key) => {
    const own = await copyScene(scene);
    try {
      const before = await stateOf(own);
      if (key === "catalog/shard") await rm(at(own, key), { recursive: true });
      else await writeFile(at(own, key), "garbage");
      await kilnDone(own, ["views", "rebuild"]);
      expect(await stateOf(own)).toEqual(before);
      await kilnDone(own, ["publish"]);
      await kilnDone(own, ["verify", "app@1.0.1"]);
      await kilnDone(own, ["deploy", "app:staging"]);
    } finally {
      await removeScene(own);
    }
  },
);

test("a catalog shard of garbage stops a publish, which names it, until the views are rebuilt", async () => {
  const own = await copyScene(scene);
  try {
    const [shard = ""] = await readdir(at(own, "catalog/shard"));
    await writeFile(at(own, `catalog/shard/${shard}`), "garbage");
    expectRefused(await kiln(own, ["publish"]), { status: 3, code: "STORE_CORRUPT", says: `catalog/shard/${shard}` });
    await kilnDone(own, ["views", "rebuild"]);
    await kilnDone(own, ["publish"]);
  } finally {
    await removeScene(own);
  }
});
