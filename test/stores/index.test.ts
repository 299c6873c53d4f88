// Opening a store by its address: which sorts there are, and what an address that is none is told.

import { mkdir, mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { afterAll, beforeAll, expect, test } from "vitest";

import { openStore } from "../../src/stores/index.ts";
import { makeStore, openWritableStore } from "../../src/stores/writable.ts";

const { signal } = new AbortController();
let cwd: string;

beforeAll(async () => {
  cwd = await realpath(await mkdtemp(join(tmpdir(), "kiln-address-")));
});
afterAll(() => rm(cwd, { recursive: true }));

test("a folder is opened by its path, absolute or from the working folder, or by a file address", async () => {
  const folder = join(cwd, "with space");
  await mkdir(folder);
  const store = await openWritableStore("with space", { cwd, signal });
  await store.create("a", Buffer.from("1"));
  for (const url of ["with space", "./with space/", folder, pathToFileURL(folder).href]) {
    const reader = await openStore(url, { cwd, signal });
    expect(reader.url).toBe(folder);
    expect(await reader.head("a")).toMatchObject({ size: 1 });
  }
});

test("a store is made with the folders above it, and made again is the same", async () => {
  const store = await makeStore("deep/er/store", { cwd, signal });
  await store.create("a", Buffer.from("1"));
  const again = await makeStore("deep/er/store", { cwd, signal });
  expect(await again.head("a")).toMatchObject({ size: 1 });
});

test("a web address is opened without asking it, for reading only", async () => {
  for (const url of ["https://store.example/kiln", "HTTP://127.0.0.1:1/"]) {
    const store = await openStore(url, { cwd, signal });
    expect(store.url).toMatch(/^https?:\/\/[^A-Z]*\/$/);
    expect(store).not.toHaveProperty("create");
    for (const open of [openWritableStore, makeStore]) {
      await expect(open(url, { cwd, signal })).rejects.toMatchObject({
        code: "STORE_READ_ONLY",
        hint: expect.stringContaining("a folder"),
      });
    }
  }
});

test("what isn't there isn't made by opening it", async () => {
  for (const open of [openStore, openWritableStore]) {
    await expect(open("none", { cwd, signal })).rejects.toMatchObject({ code: "STORE_NOT_FOUND" });
  }
});

test("an address of no known sort says which there are", async () => {
  for (const url of ["ftp://host/x", "s4:x", "file://host/x"]) {
    await expect(openStore(url, { cwd, signal })).rejects.toMatchObject({ code: "USAGE", hint: expect.anything() });
  }
  await expect(openStore("ftp://host/x", { cwd, signal })).rejects.toMatchObject({
    hint: expect.stringMatching(/a folder.*https:/),
  });
  await expect(openStore("", { cwd, signal })).rejects.toMatchObject({ code: "USAGE" });
});
