// The S3 store on real servers: the contract of every store, and what only a bucket can do wrong.

import { once } from "node:events";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";

import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";

import { requireConditions } from "../../src/publish/require-conditions.ts";
import { readDocument } from "../../src/stores/read.ts";
import { openS3Reader } from "../../src/stores/s3-reader.ts";
import { openS3Store } from "../../src/stores/s3.ts";
import { emptyScene, expectRefused, kiln, removeScene } from "../fixtures/scene.ts";
import { readingContract, writingContract } from "../stores/contract.ts";
import { startS3Proxy } from "../stores/s3-proxy.ts";
import { credentials, type S3Server, servers, startS3Server } from "../stores/s3-server.ts";

const { signal } = new AbortController();

describe.each(Object.keys(servers))("%s", (name) => {
  let server: S3Server;
  beforeAll(async () => {
    server = await startS3Server(name);
  });
  beforeEach(() => {
    for (const [key, value] of Object.entries(credentials)) vi.stubEnv(key, value);
  });
  afterAll(() => server.stop());

  writingContract(async () => openS3Store(await server.makeBucket(), signal), { tick: 1100, sort: "bucket" });
  test("remove keeps what is changed between looking and removing", async () => {
    const url = await server.makeBucket();
    const direct = await openS3Store(url, signal);
    await direct.replace("document", Buffer.from("one"), null);
    const changing: Promise<unknown>[] = [];
    const proxy = await startS3Proxy(server.endpoint, ({ method }) => {
      if (method !== "DELETE") return undefined;
      const swap = async () =>
        direct.replace("document", Buffer.from("two"), (await direct.head("document"))?.etag ?? "");
      if (changing.length === 0) changing.push(swap());
      return "delay";
    });
    try {
      const through = await openS3Store(url.replace(server.endpoint, proxy.endpoint), signal);
      expect(await through.remove("document", Number.MAX_SAFE_INTEGER)).toBe("kept");
      expect(await Promise.all(changing)).toEqual(["replaced"]);
      expect((await readDocument(direct, "document"))?.bytes.toString()).toBe("two");
      expect(await through.remove("document", Number.MAX_SAFE_INTEGER)).toBe("removed");
      expect(await direct.head("document")).toBeUndefined();
    } finally {
      await proxy.stop();
    }
  });

  test("its answers say what time it is there", async () => {
    const store = await openS3Store(await server.makeBucket(), signal);
    expect(await store.clock?.()).toBeUndefined();
    await store.head("kiln.json");
    const { earliest = 0, latest = 0 } = (await store.clock?.()) ?? {};
    expect(earliest).toBeLessThan(Date.now() + 5000);
    expect(latest).toBeGreaterThan(Date.now() - 5000);
  });
  readingContract(async (content) => {
    const url = await server.makeBucket();
    const store = await openS3Store(url, signal);
    for (const [key, body] of Object.entries(content)) await store.create(key, body);
    return openS3Reader(url, signal);
  });
});

test("s3rver, which ignores conditional writes, is refused when a store is made there, and nothing is left", async () => {
  const server = await startS3Server("s3rver");
  const scene = emptyScene();
  try {
    const url = await server.makeBucket();
    const command = ["store", "create", url, "--origin", "kiln.test"];
    const said = await kiln(scene, command, { cwd: scene.root, env: server.credentials });
    expectRefused(said, { status: 1, code: "STORE_UNSUITABLE", says: /made an object twice/ });
    for (const [key, value] of Object.entries(server.credentials)) vi.stubEnv(key, value);
    expect(await Array.fromAsync((await openS3Store(url, signal)).list(""))).toEqual([]);
  } finally {
    await removeScene(scene);
    await server.stop();
  }
});

test("a server before which somebody drops the conditions is refused as well", async () => {
  for (const [key, value] of Object.entries(credentials)) vi.stubEnv(key, value);
  const server = await startS3Server("MiniStack");
  const proxy = await forgetfulProxy(server.endpoint);
  try {
    const url = (await server.makeBucket()).replace(server.endpoint, proxy.endpoint);
    const store = await openS3Store(url, signal);
    await expect(requireConditions(store, "mark")).rejects.toMatchObject({ code: "STORE_UNSUITABLE" });
    expect(await Array.fromAsync(store.list(""))).toEqual([]);
  } finally {
    await proxy.stop();
    await server.stop();
  }
});

/** Passes everything on but the conditions. */
async function forgetfulProxy(target: string): Promise<{ endpoint: string; stop: () => Promise<void> }> {
  const proxy = createServer((incoming, outgoing) => {
    const { "if-none-match": _, "if-match": __, ...headers } = incoming.headers;
    const onward = request(target + (incoming.url ?? ""), { method: incoming.method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    incoming.pipe(onward);
  }).listen(0, "127.0.0.1");
  await once(proxy, "listening");
  return {
    endpoint: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    async stop() {
      proxy.closeAllConnections();
      proxy.close();
      await once(proxy, "close");
    },
  };
}
