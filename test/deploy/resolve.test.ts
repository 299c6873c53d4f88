// What a store may show and what this host believes: every document here is validly signed, or tampered with in one place.

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import type { Manifest } from "../../src/artifact/manifest.ts";
import { keys, poolKey } from "../../src/artifact/pool.ts";
import type { Trust } from "../../src/artifact/trust.ts";
import { deploy } from "../../src/deploy/deploy.ts";
import { parseSubject, resolve } from "../../src/deploy/resolve.ts";
import { openFolderReader } from "../../src/stores/folder-reader.ts";
import { journaled, type TestHost, testHost } from "../fixtures/host.ts";
import { type SignedStore, signedStore, trust } from "../fixtures/signed-store.ts";

let source: SignedStore;
let host: TestHost;
let first: Manifest;

beforeEach(async () => {
  source = await signedStore();
  host = await testHost();
  first = await source.release({ name: "app", version: "1", files: { a: "one" }, channel: "live" });
});
afterEach(async () => {
  await host.remove();
  await source.remove();
});

const put = async (subject: string, folder = source.folder, pinned: Trust = trust) => {
  const store = await openFolderReader(folder);
  return await deploy({ subject: parseSubject(subject), store, trust: pinned, platform: "linux-x64" }, host);
};

const see = async (subject: string, folder = source.folder) => {
  const store = await openFolderReader(folder);
  return await resolve(parseSubject(subject), { store, trust, root: host.root, signal: host.context.signal });
};

const memory = (): string => readFileSync(join(host.root, ".kiln", `${trust.origin}.json`), "utf8");

function copyOfStore(): string {
  const folder = mkdtempSync(join(tmpdir(), "kiln-copy-"));
  cpSync(source.folder, folder, { recursive: true });
  return folder;
}

test("a channel resolves to its release, its leaf and its counter", async () => {
  await source.release({ name: "app", version: "2", files: { a: "two" }, channel: "live" });
  const { manifest } = await see("app:live");
  expect(await see("app:live")).toEqual({ name: "app", version: "2", manifest, index: expect.any(Number), counter: 2 });
  expect(await see("app@2")).toMatchObject({ manifest, counter: undefined });
});

test("an older copy of the store that shows an older channel head is refused, and memory stays", async () => {
  const old = copyOfStore();
  try {
    await source.release({ name: "app", version: "2", files: { a: "two" }, channel: "live" });
    await put("app:live");
    const before = memory();
    await expect(put("app:live", old)).rejects.toMatchObject({ code: "HEAD_REPLAYED", exitStatus: 3 });
    expect(memory()).toBe(before);
    expect(readFileSync(join(host.root, "app/current/a"), "utf8")).toBe("two");
  } finally {
    rmSync(old, { recursive: true });
  }
});

test("an old head in a store whose log went on is refused too", async () => {
  const path = join(source.folder, keys.channel("app", "live"));
  const old = readFileSync(path);
  await source.release({ name: "app", version: "2", files: { a: "two" }, channel: "live" });
  await see("app:live");
  writeFileSync(path, old);
  await expect(see("app:live")).rejects.toMatchObject({ code: "HEAD_REPLAYED" });
});

test("a channel that moved back on purpose is followed", async () => {
  await source.release({ name: "app", version: "2", files: { a: "two" }, channel: "live" });
  await put("app:live");
  await source.promote("app", "1", "live");
  expect((await put("app:live")).to.version).toBe("1");
});

test("another log under the same name and key is refused, whether it is longer, shorter or as long", async () => {
  const other = await signedStore();
  try {
    await see("app:live");
    const before = memory();
    await other.release({ name: "app", version: "9", files: { a: "fork" }, channel: "live" });
    await expect(see("app:live", other.folder)).rejects.toMatchObject({ code: "LOG_INCONSISTENT" });
    await expect(see("app@9", other.folder)).rejects.toMatchObject({ code: "LOG_INCONSISTENT", exitStatus: 3 });
    await other.release({ name: "app", version: "10", files: { a: "fork" }, channel: "live" });
    await expect(see("app:live", other.folder)).rejects.toMatchObject({ code: "LOG_INCONSISTENT" });
    await source.release({ name: "app", version: "2", files: { a: "two" } });
    await source.release({ name: "app", version: "3", files: { a: "three" }, channel: "live" });
    expect(memory()).toBe(before);
    await see("app:live");
    await expect(see("app@10", other.folder)).rejects.toMatchObject({ code: "LOG_INCONSISTENT" });
  } finally {
    await other.remove();
  }
});

test("a document older than what was seen of the log is fine when the log grew from it", async () => {
  await source.release({ name: "other", version: "1", files: { a: "x" }, channel: "live" });
  await see("other:live");
  // `app`'s documents are as they were written, with a smaller checkpoint.
  expect((await see("app:live")).version).toBe("1");
  expect((await see("app@1")).version).toBe("1");
});

test("the head of another name, or of another channel, is refused", async () => {
  await source.release({ name: "evil", version: "1", files: { a: "evil" }, channel: "live" });
  await source.promote("app", "1", "staging");
  const at = (name: string, channel: string): string => join(source.folder, keys.channel(name, channel));
  const live = readFileSync(at("app", "live"));
  for (const taken of [at("evil", "live"), at("app", "staging")]) {
    writeFileSync(at("app", "live"), readFileSync(taken));
    await expect(put("app:live")).rejects.toMatchObject({ code: "SUBJECT_MISMATCH", exitStatus: 3 });
  }
  writeFileSync(at("app", "live"), live);
  writeFileSync(
    join(source.folder, keys.release("app", "1")),
    readFileSync(join(source.folder, keys.release("evil", "1"))),
  );
  await expect(put("app@1")).rejects.toMatchObject({ code: "SUBJECT_MISMATCH" });
});

test("a document with any of its parts changed is refused", async () => {
  const path = join(source.folder, keys.channel("app", "live"));
  const whole = readFileSync(path, "utf8");
  const document = JSON.parse(whole) as { move: { proof: string[]; entry: string; index: number }; checkpoint: string };
  const { move } = document;
  const flipped = Buffer.from(move.proof[0] ?? "", "base64");
  flipped[0] = (flipped[0] ?? 0) ^ 1;
  const entry = Buffer.from(move.entry, "base64")
    .toString()
    .replace(/"sig":"(.)/, (_, letter) => `"sig":"${letter === "M" ? "N" : "M"}`);
  const changes: [object, string][] = [
    [{ ...document, move: { ...move, proof: [flipped.toString("base64"), ...move.proof.slice(1)] } }, "PROOF_INVALID"],
    [{ ...document, move: { ...move, index: move.index - 1 } }, "PROOF_INVALID"],
    [{ ...document, move: { ...move, entry: Buffer.from(entry).toString("base64") } }, "PROOF_INVALID"],
    [{ ...document, checkpoint: document.checkpoint.replace(/\n\d+\n/, "\n99\n") }, "CHECKPOINT_INVALID"],
    [{ ...document, extra: 1 }, "STORE_CORRUPT"],
  ];
  for (const [changed, code] of changes) {
    writeFileSync(path, JSON.stringify(changed));
    await expect(put("app:live")).rejects.toMatchObject({ code, exitStatus: 3 });
  }
  writeFileSync(path, whole.slice(0, -5));
  await expect(put("app:live")).rejects.toMatchObject({ code: "STORE_CORRUPT" });
});

test("a key that may not release the name, or move the channel, or counts no more, is refused", async () => {
  const [key] = trust.release;
  if (key === undefined) throw new TypeError("no key");
  const pin = (changes: Partial<typeof key>): Trust => ({ ...trust, release: [{ ...key, ...changes }] });
  await expect(put("app:live", source.folder, pin({ names: ["web*"] }))).rejects.toMatchObject({
    code: "KEY_NOT_ALLOWED",
  });
  await expect(put("app:live", source.folder, pin({ channels: ["staging"] }))).rejects.toMatchObject({
    code: "KEY_NOT_ALLOWED",
  });
  await expect(put("app:live", source.folder, pin({ until: 0 }))).rejects.toMatchObject({ code: "KEY_NOT_ALLOWED" });
  expect((await put("app@1", source.folder, pin({ channels: [] }))).outcome).toBe("deployed");
});

test("a tampered artifact or manifest is refused before anything is unpacked", async () => {
  const [artifact] = first.artifacts;
  if (artifact === undefined) throw new TypeError("no artifact");
  const path = join(source.folder, poolKey(artifact));
  const bytes = readFileSync(path);
  const flipped = Buffer.from(bytes);
  flipped[20] = (flipped[20] ?? 0) ^ 1;
  for (const wrong of [flipped, Buffer.concat([bytes, Buffer.of(0)]), bytes.subarray(0, -1), Buffer.alloc(0)]) {
    writeFileSync(path, wrong);
    await expect(put("app:live")).rejects.toMatchObject({ code: "STORE_CORRUPT", exitStatus: 3 });
    expect(host.current("app")).toBeUndefined();
    expect(journaled(host, "app").at(-1)).toBe("reverted");
  }
  rmSync(path);
  await expect(put("app:live")).rejects.toMatchObject({ code: "NOT_FOUND" });
  writeFileSync(path, bytes);
  // None of that was the release's fault: it isn't refused now.
  expect((await put("app:live")).outcome).toBe("deployed");
});

test("a release for another platform, or with several artifacts to choose from, isn't deployable", async () => {
  await source.release({ name: "arm", version: "1", files: { a: "x" }, platform: "linux-arm64" });
  await expect(put("arm@1")).rejects.toMatchObject({ code: "NOT_DEPLOYABLE" });
  await source.release({ name: "odd", version: "1", files: { a: "x" }, activate: { app: { with: "teleport" } } });
  await expect(put("odd@1")).rejects.toMatchObject({ code: "NOT_DEPLOYABLE" });
  await source.release({
    name: "odd",
    version: "2",
    files: { a: "x" },
    activate: { app: { with: "directory", strat: ["x"] } },
  });
  await expect(put("odd@2")).rejects.toMatchObject({ code: "NOT_DEPLOYABLE" });
  expect(journaled(host, "odd")).toEqual([]);
});
