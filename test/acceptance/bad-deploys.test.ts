// Deploying what isn't there, was tampered with, doesn't fit the host, or wants to reach outside its folder.

import { chmod, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { zstdCompressSync } from "node:zlib";

import { afterAll, beforeAll, expect, test } from "vitest";

import { bakeInto, putArtifact } from "../fixtures/bake-folder.ts";
import { contentsOf } from "../fixtures/contents.ts";
import { type Member, tarOf } from "../fixtures/hand-made-tar.ts";
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
} from "../fixtures/scene.ts";

let scene: Scene;
/** The scene with app@1.0.0 in service on its host. */
let deployed: Scene;

beforeAll(async () => {
  scene = await makeScene();
  await bakeInto(scene, "out");
  deployed = await copyScene(scene);
  await kilnDone(deployed, ["deploy", "app:staging"]);
});
afterAll(async () => {
  await removeScene(scene);
  await removeScene(deployed);
});

const deploy = ["deploy", "app:staging"];

/** Changes one byte of the only object whose key ends so: the middle one, or one of a document's log entry. */
const tamper = (end: string) => async (own: Scene) => {
  const keys = (await readdir(own.store, { recursive: true })).filter(
    (key) => key.endsWith(end) && !key.startsWith(".tmp"),
  );
  expect(keys, end).toHaveLength(1);
  const file = join(own.store, keys[0] ?? "");
  const bytes = await readFile(file);
  // What a channel's document remembers for publishers is nothing that a host reads.
  const entry = bytes.indexOf('"entry":"');
  const at = end.startsWith("channels/") ? entry + 100 : bytes.length >> 1;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  await chmod(file, 0o644);
  await writeFile(file, bytes);
};

testRefusals(
  () => scene,
  [
    { title: "a name that isn't there", command: ["deploy", "other:staging"], status: 1, code: "NOT_FOUND" },
    { title: "a channel that isn't there", command: ["deploy", "app:production"], status: 1, code: "NOT_FOUND" },
    { title: "a version that isn't there", command: ["deploy", "app@9.0.0"], status: 1, code: "NOT_FOUND" },
    { title: "a name without version or channel", command: ["deploy", "app"], status: 2, code: "USAGE" },
    {
      title: "a host folder below a file",
      command: ["deploy", "app:staging", "--root", "kiln.yaml/host"],
      status: 1,
      code: "NOT_A_FOLDER",
    },
    {
      title: "a file for a host folder",
      command: ["deploy", "app:staging", "--root", "kiln.yaml"],
      status: 1,
      code: "NOT_A_FOLDER",
    },
    {
      title: "a host folder that only others may write",
      setUp: async (own) => {
        await mkdir(own.host);
        await chmod(own.host, 0o555);
      },
      command: deploy,
      options: { wrapper: asPlainUser },
      status: 1,
      code: "PERMISSION_DENIED",
    },
    {
      title: "a host folder on a read-only file system",
      setUp: (own) => mkdir(own.host),
      command: deploy,
      options: (own) => ({
        wrapper: inNamespace(`mount --bind '${own.host}' '${own.host}' && mount -o remount,ro,bind '${own.host}'`),
      }),
      status: 1,
      code: "PERMISSION_DENIED",
    },
    { title: "nothing to roll back to, and nothing there", command: ["rollback", "app"], status: 1, code: "NOT_FOUND" },
    { title: "the status of a name that isn't there", command: ["status", "app"], status: 1, code: "NOT_FOUND" },
    { title: "the history of a name that isn't there", command: ["history", "app"], status: 1, code: "NOT_FOUND" },
    { title: "the recovery of a name that isn't there", command: ["recover", "app"], status: 1, code: "NOT_FOUND" },
  ],
);

/** What a host that has something in service refuses stays in service as it is. */
testRefusals(
  () => deployed,
  [
    {
      title: "nothing earlier to roll back to",
      command: ["rollback", "app"],
      status: 1,
      code: "NO_EARLIER_RELEASE",
    },
    ...["garbage", "A B=1", "=x", "KEY=a\0b"].map((text): Refusal => ({
      title: `an environment file with the line ${JSON.stringify(text)}`,
      setUp: (own) => writeFile(join(own.host, "app/environment"), `GOOD=1\n${text}\n`),
      command: deploy,
      status: 2,
      code: "ENVIRONMENT_INVALID",
      says: "environment:2",
    })),
    {
      title: "an environment file that may not be read",
      setUp: (own) => writeFile(join(own.host, "app/environment"), "A=1", { mode: 0 }),
      command: deploy,
      options: { wrapper: asPlainUser },
      status: 1,
      code: "PERMISSION_DENIED",
    },
    {
      title: "an environment file that is a folder",
      setUp: (own) => mkdir(join(own.host, "app/environment")),
      command: deploy,
      status: 2,
      code: "ENVIRONMENT_INVALID",
    },
    {
      title: "a journal of garbage",
      setUp: async (own) => {
        const path = join(own.host, "app/journal");
        const text = await readFile(path, "utf8");
        await writeFile(path, `garbage\n${text}`);
      },
      command: deploy,
      status: 1,
      code: "JOURNAL_INVALID",
    },
  ],
);

/** Which of these it is depends on the byte that was changed. */
const refusedAs = /^(?:STORE_CORRUPT|CHECKPOINT_INVALID|PROOF_INVALID|SIGNATURE_INVALID|SUBJECT_MISMATCH)$/;

test.each([
  ["an artifact", "app-1.0.1.tar.zst", "app@1.0.1"],
  ["a manifest", "MANIFEST/release.json", "app@1.0.1"],
  ["a channel", "channels/app/staging.json", "app:staging"],
  ["a release", "releases/app/1.0.1.json", "app@1.0.1"],
  ["the store's document", "kiln.json", "app:staging"],
])("%s that was tampered with is refused with status 3, and what runs stays", async (_, end, subject) => {
  const own = await copyScene(deployed);
  try {
    const { stdout } = await kilnDone(own, ["publish", "--json"]);
    const { manifest } = JSON.parse(stdout) as { manifest: string };
    await tamper(end.replace("MANIFEST", manifest))(own);
    const before = await stateOf(own);
    expectRefused(await kiln(own, ["deploy", subject]), { status: 3, code: refusedAs });
    await expectOnlyNoted(own, before);
  } finally {
    await removeScene(own);
  }
});

/** Nothing on the host changed but what says that something was tried, and what was seen of the log. */
async function expectOnlyNoted(own: Scene, before: Record<string, string>): Promise<void> {
  const after = await stateOf(own);
  const paths = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  const changed = paths.filter((path) => after[path] !== before[path]).map((path) => path.slice(own.host.length));
  expect(["/.kiln/kiln.test.json", "/app/journal"]).toEqual(expect.arrayContaining(changed));
  const { stdout } = await kilnDone(own, ["status", "app", "--json"]);
  expect(JSON.parse(stdout)).toMatchObject({ deployed: [{ version: "1.0.0" }] });
}

const escapes: Readonly<Record<string, readonly Member[]>> = {
  "a path that leads out": [{ path: "../../../../evil", body: "x" }],
  "an absolute path": [{ path: "/tmp/kiln-evil", body: "x" }],
  "a link that leads out": [{ path: "link", type: "2", link: "../../../.." }],
  "an absolute link": [{ path: "link", type: "2", link: "/etc/passwd" }],
  "a hard link out": [{ path: "link", type: "1", link: "/etc/passwd" }],
  "a file through a link": [
    { path: "link", type: "2", link: ".." },
    { path: "link/evil", body: "x" },
  ],
  "a device": [{ path: "null", type: "3" }],
  "the same file twice": [
    { path: "a", body: "1" },
    { path: "a", body: "2" },
  ],
};

test.each([
  ...Object.entries(escapes).map(([what, members]) => ({ what, bytes: zstdCompressSync(tarOf(...members)) })),
  { what: "no archive at all", bytes: Buffer.from("no archive at all") },
  { what: "half an archive", bytes: zstdCompressSync(tarOf({ path: "a", body: "x".repeat(5000) }).subarray(0, 2000)) },
])("a release by somebody with a valid key whose archive has $what isn't unpacked", async ({ bytes }) => {
  const own = await copyScene(deployed);
  try {
    await putArtifact(join(own.root, "out"), bytes);
    await kilnDone(own, ["publish", "../out", "--channel", "staging"]);
    const outside = await contentsOf(own.root, ["host", "home", "project", ".tmp"]);
    const before = await stateOf(own);
    expectRefused(await kiln(own, deploy), { status: 3, code: "ARCHIVE_UNSAFE" });
    expect(await contentsOf(own.root, ["host", "home", "project", ".tmp"])).toEqual(outside);
    await expectOnlyNoted(own, before);
  } finally {
    await removeScene(own);
  }
});
