import assert from "node:assert/strict";
import { appendFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";

import { createApp } from "../src/app.js";
import { openStore } from "../src/store.js";

let folder;
let store;
let app;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "notices-"));
  await start();
});
afterEach(async () => {
  await app.close();
  await store.end();
  await rm(folder, { recursive: true });
});

async function start() {
  store = await openStore(join(folder, "notices.jsonl"));
  app = createApp({ store, token: "secret", version: "1.2.3" });
}

const headers = { authorization: "Bearer secret" };
const post = (url, payload, more = headers) => app.inject({ method: "POST", url, payload, headers: more });
const get = async (url) => (await app.inject({ url })).json();

test("a notice is opened, listed and closed", async () => {
  const opened = await post("/notices", { title: "Mail is slow", severity: "degraded" });
  assert.equal(opened.statusCode, 201);
  assert.equal((await get("/notices?open")).length, 1);
  assert.equal((await post("/notices/1/close")).statusCode, 200);
  assert.equal((await get("/notices?open")).length, 0);
  assert.equal((await get("/notices")).length, 1);
  assert.equal((await post("/notices/1/close")).statusCode, 404);
});

test("only who has the token may write", async () => {
  for (const authorization of ["", "Bearer", "Bearer wrong!", "Basic secret"]) {
    const answer = await post("/notices", { title: "x", severity: "info" }, { authorization });
    assert.equal(answer.statusCode, 401);
  }
  assert.deepEqual(await get("/notices"), []);
});

test("what isn't a notice is refused", async () => {
  for (const wrong of [
    {},
    { title: "", severity: "info" },
    { title: "x", severity: "bad" },
    { title: "x".repeat(201), severity: "info" },
  ]) {
    assert.equal((await post("/notices", wrong)).statusCode, 400);
  }
});

test("notices are there after a restart, and a torn last line is not", async () => {
  await post("/notices", { title: "Disk", severity: "outage" });
  await app.close();
  await store.end();
  await appendFile(join(folder, "notices.jsonl"), '{"id":2,"ti');
  await start();
  await post("/notices", { title: "Mail", severity: "info" });
  await app.close();
  await store.end();
  await start();
  assert.deepEqual(
    (await get("/notices")).map(({ title }) => title),
    ["Mail", "Disk"],
  );
});

test("health says the version, and the page escapes what people wrote", async () => {
  await post("/notices", { title: "<script>", severity: "info" });
  assert.deepEqual(await get("/health"), { version: "1.2.3", notices: 1 });
  const { body } = await app.inject({ url: "/" });
  assert.ok(!body.includes("<script>"));
});
