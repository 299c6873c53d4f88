// The web store: the reading half of the contract over a plain static server, and what servers and networks do wrong.

import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, expect, test, vi } from "vitest";

import { openFolderStore } from "../../src/stores/folder.ts";
import { openHttpStore } from "../../src/stores/http.ts";
import { readDocument } from "../../src/stores/read.ts";
import { bodyOf, readingContract } from "./contract.ts";
import { files, type Handler, serve } from "./web-server.ts";

const { signal } = new AbortController();
const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

async function folderWith(content: Readonly<Record<string, Uint8Array>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "kiln-web-"));
  ends.push(() => rm(folder, { recursive: true }));
  const store = await openFolderStore(folder, signal);
  for (const [key, body] of Object.entries(content)) await store.create(key, body);
  return folder;
}

async function storeOf(handler: Handler) {
  const server = await serve(handler);
  ends.push(server.close);
  return { store: openHttpStore(server.url, { signal, pause: 1, patience: 300 }), ...server };
}

readingContract(async (content) => (await storeOf(files(await folderWith(content)))).store);

const half = "half of the bytes ";
const whole = Buffer.from(half.repeat(2));

test("an address needs no slash at its end, and a key's odd characters are escaped", async () => {
  const { store, requests, url } = await storeOf(files(await folderWith({ "a+b/c~1!": Buffer.from("1") })));
  expect(store.url).toBe(`${url}/`);
  expect((await bodyOf(await store.get("a+b/c~1!")))?.toString()).toBe("1");
  expect(requests).toEqual(["GET /store/a%2Bb/c~1!"]);
});

test("addresses that hide something are refused", () => {
  for (const url of ["https://user:secret@host/", "https://host/?x=1", "https://host/#x", "http://"]) {
    expect(() => openHttpStore(url, { signal })).toThrowError(expect.objectContaining({ code: "USAGE" }));
  }
  expect(() => openHttpStore("https://user:secret@host/", { signal })).not.toThrowError(/secret/);
});

test("what may pass is tried again", async () => {
  for (const status of [500, 502, 503, 429, 408]) {
    let asked = 0;
    const { store } = await storeOf((_, response) => {
      asked += 1;
      if (asked < 4) response.writeHead(status).end("later");
      else response.writeHead(200, { "content-length": 2 }).end("ok");
    });
    expect((await bodyOf(await store.get("a")))?.toString()).toBe("ok");
    expect(asked).toBe(4);
  }
});

test("after a bounded number of attempts the store is unreachable", async () => {
  const { store, requests } = await storeOf((_, response) => void response.writeHead(503).end());
  await expect(store.get("a")).rejects.toMatchObject({
    code: "STORE_UNREACHABLE",
    message: expect.stringContaining("HTTP 503"),
    hint: expect.anything(),
  });
  expect(requests).toHaveLength(5);
});

test("what won't pass isn't tried again", async () => {
  const { store, requests } = await storeOf((_, response) => void response.writeHead(400).end());
  await expect(store.head("a")).rejects.toMatchObject({ code: "STORE_UNREACHABLE" });
  expect(requests).toHaveLength(1);
});

test("absent and refused are told apart", async () => {
  const answers: Readonly<Record<string, number>> = {
    "/store/gone": 410,
    "/store/none": 404,
    "/store/login": 401,
    "/store/no": 403,
  };
  const { store, requests } = await storeOf(
    (_, response, path) => void response.writeHead(answers[path] ?? 500).end("text"),
  );
  expect(await store.get("none")).toBeUndefined();
  expect(await store.head("gone")).toBeUndefined();
  for (const key of ["login", "no"]) {
    await expect(store.get(key)).rejects.toMatchObject({ code: "STORE_REFUSED", hint: expect.anything() });
  }
  expect(requests).toHaveLength(4);
});

test("a server that isn't there, or hangs up, is unreachable", async () => {
  const hangUp = createServer((socket) => void socket.destroy());
  await new Promise<void>((resolve) => hangUp.listen(0, "127.0.0.1", resolve));
  const { port } = hangUp.address() as { port: number };
  const options = { signal, pause: 1 };
  await expect(openHttpStore(`http://127.0.0.1:${port}`, options).get("a")).rejects.toMatchObject({
    code: "STORE_UNREACHABLE",
  });
  await new Promise((resolve) => hangUp.close(resolve));
  await expect(openHttpStore(`http://127.0.0.1:${port}`, options).get("a")).rejects.toMatchObject({
    code: "STORE_UNREACHABLE",
    message: expect.stringContaining("ECONNREFUSED"),
  });
  await expect(openHttpStore("http://no-such-host.invalid", options).get("a")).rejects.toMatchObject({
    code: "STORE_UNREACHABLE",
    message: expect.stringContaining("no-such-host.invalid"),
  });
});

test("a server that never answers, or stops in the middle, is noticed", async () => {
  const silent = await storeOf(() => {});
  await expect(silent.store.get("a")).rejects.toMatchObject({
    code: "STORE_UNREACHABLE",
    message: expect.stringContaining("nothing came"),
  });
  const stuck = await storeOf((_, response) => void response.writeHead(200, { "content-length": 1000 }).write("begin"));
  await expect(bodyOf(await stuck.store.get("a"))).rejects.toMatchObject({ code: "STORE_UNREACHABLE" });
});

test("a reader that takes its time isn't taken for a dead server", async () => {
  const { store } = await storeOf(files(await folderWith({ large: randomBytes(2_000_000) })));
  let size = 0;
  for await (const piece of (await store.get("large"))?.body ?? []) {
    if (size === 0) await new Promise((resolve) => setTimeout(resolve, 500));
    size += piece.length;
  }
  expect(size).toBe(2_000_000);
});

test("a body that is cut short is an error where it can't be resumed", async () => {
  const { store, requests } = await storeOf((_, response) => {
    response.writeHead(200, { "content-length": whole.length });
    response.write(half, () => response.destroy());
  });
  const object = await store.get("a");
  expect(object?.size).toBe(whole.length);
  await expect(bodyOf(object)).rejects.toMatchObject({ code: "STORE_UNREACHABLE" });
  await expect(readDocument(store, "a")).rejects.toMatchObject({ code: "STORE_UNREACHABLE" });
  expect(requests).toHaveLength(2);
});

test("a body that is cut short is resumed where the server names its version", async () => {
  const large = randomBytes(3_000_000);
  const folder = await folderWith({ large });
  let cuts = 0;
  const { store, requests } = await storeOf(async (request, response, path) => {
    if (cuts++ >= 3) return files(folder)(request, response, path);
    const write = response.write.bind(response);
    let sent = 0;
    response.write = ((piece: Buffer) => {
      sent += piece.length;
      return write(piece, () => sent > 400_000 && response.destroy());
    }) as typeof response.write;
    await files(folder)(request, response, path);
  });
  expect((await bodyOf(await store.get("large")))?.equals(large)).toBe(true);
  expect(requests.length).toBeGreaterThan(1);
  cuts = 0;
  const range = { start: 100_000, length: 2_500_000 };
  expect((await bodyOf(await store.get("large", range)))?.equals(large.subarray(100_000, 2_600_000))).toBe(true);
});

test("a body that changed while it was resumed is an error, never a mixture", async () => {
  let asked = 0;
  const { store } = await storeOf((request, response) => {
    asked += 1;
    const etag = `"${asked}"`;
    if (asked === 1) {
      response.writeHead(200, { "content-length": whole.length, etag }).write(half, () => response.destroy());
    } else if (request.headers["if-range"] === etag) {
      response.writeHead(206, { etag }).end(half);
    } else {
      response.writeHead(200, { "content-length": whole.length, etag }).end("x".repeat(whole.length));
    }
  });
  await expect(bodyOf(await store.get("a"))).rejects.toMatchObject({ code: "STORE_UNREACHABLE" });
  expect(asked).toBe(2);
});

test("a server that cuts every answer short is given up", async () => {
  let asked = 0;
  const { store } = await storeOf((request, response) => {
    asked += 1;
    const start = Number(/\d+/.exec(request.headers.range ?? "bytes=0-")?.[0]);
    const headers = { etag: '"1"', "content-length": 1000 - start, "content-range": `bytes ${start}-999/1000` };
    response.writeHead(start === 0 ? 200 : 206, headers).write("x", () => response.destroy());
  });
  await expect(bodyOf(await store.get("a"))).rejects.toMatchObject({ code: "STORE_UNREACHABLE" });
  expect(asked).toBeLessThanOrEqual(25);
});

test("a server that ignores ranges gives the right bytes all the same", async () => {
  const { store } = await storeOf((request, response) => {
    response.writeHead(200, { "content-length": whole.length }).end(request.method === "HEAD" ? "" : whole);
  });
  const object = await store.get("a", { start: 5, length: 10 });
  expect(object?.size).toBe(whole.length);
  expect((await bodyOf(object))?.toString()).toBe(whole.subarray(5, 15).toString());
  expect((await bodyOf(await store.get("a", { start: 5000, length: 10 })))?.length).toBe(0);
});

test("a server that sends another range than it was asked for is refused", async () => {
  for (const range of ["bytes 0-9/36", "bytes 6-9/36", "bytes 5-9/*", "5-9", ""]) {
    const { store } = await storeOf((_, response) => {
      response.writeHead(206, { "content-range": range, "content-length": 5 }).end("12345");
    });
    await expect(store.get("a", { start: 5, length: 5 })).rejects.toMatchObject({ code: "STORE_UNREACHABLE" });
  }
});

test("a server that sends more than it was asked for is cut", async () => {
  const { store } = await storeOf((_, response) => {
    response.writeHead(206, { "content-range": "bytes 5-35/36", "content-length": 31 }).end(whole.subarray(5));
  });
  expect((await bodyOf(await store.get("a", { start: 5, length: 5 })))?.toString()).toBe(
    whole.subarray(5, 10).toString(),
  );
});

test("an answer without a length is read if it is small", async () => {
  const { store } = await storeOf((request, response) => {
    response.writeHead(200);
    response.end(request.method === "HEAD" ? undefined : whole);
  });
  expect((await store.get("a"))?.size).toBe(whole.length);
  expect((await store.head("a"))?.size).toBe(whole.length);
  expect((await readDocument(store, "a"))?.bytes.equals(whole)).toBe(true);
  const endless = await storeOf(async (_, response) => {
    response.writeHead(200);
    const piece = Buffer.alloc(1024 * 1024);
    while (!response.destroyed) {
      if (!response.write(piece))
        await new Promise((resolve) => response.once("drain", resolve).once("close", resolve));
    }
  });
  await expect(endless.store.get("a")).rejects.toMatchObject({ code: "STORE_UNREACHABLE", hint: expect.anything() });
});

test("bytes that the server would have unpacked on the way are refused", async () => {
  const { store } = await storeOf((_, response) => {
    response.writeHead(200, { "content-encoding": "gzip", "content-length": 4 }).end("1234");
  });
  await expect(store.get("a.tar.gz")).rejects.toMatchObject({
    code: "STORE_UNREACHABLE",
    message: expect.stringContaining("content-encoding gzip"),
    hint: expect.anything(),
  });
});

test("a few redirects are followed, a circle isn't", async () => {
  const { store, requests } = await storeOf((_, response, path) => {
    if (path === "/store/a") response.writeHead(302, { location: "b" }).end();
    else if (path === "/store/b") response.writeHead(308, { location: "/elsewhere" }).end();
    else if (path === "/elsewhere") response.writeHead(200, { "content-length": 2 }).end("ok");
    else response.writeHead(301, { location: path }).end();
  });
  expect((await bodyOf(await store.get("a")))?.toString()).toBe("ok");
  await expect(store.get("circle")).rejects.toMatchObject({ code: "STORE_UNREACHABLE" });
  expect(requests).toHaveLength(3 + 6);
});

test("a redirect from https to http, or to something else, isn't followed", async () => {
  for (const location of ["http://127.0.0.1/", "file:///etc/passwd", "data:text/plain,x", "http://["]) {
    const fetching = vi
      .spyOn(globalThis, "fetch")
      .mockImplementation(async () => new Response(null, { status: 302, headers: { location } }));
    await expect(openHttpStore("https://store.example", { signal }).get("a")).rejects.toMatchObject({
      code: "STORE_UNREACHABLE",
      message: expect.stringContaining("redirect"),
    });
    expect(fetching).toHaveBeenCalledTimes(1);
    fetching.mockRestore();
  }
});

test("whoever wants to stop is heard: while waiting for an answer, for a body, and between attempts", async () => {
  const stop = async (handler: Handler, options: { pause?: number } = {}) => {
    const controller = new AbortController();
    const server = await serve(handler);
    ends.push(server.close);
    const store = openHttpStore(server.url, { signal: controller.signal, ...options });
    setTimeout(() => controller.abort(), 50);
    await expect(store.get("a").then(bodyOf)).rejects.toMatchObject({ code: "CANCELLED" });
  };
  await stop(() => {});
  await stop((_, response) => void response.writeHead(200, { "content-length": 1000 }).write("begin"));
  await stop((_, response) => void response.writeHead(503).end(), { pause: 60_000 });
});

test("a reader who leaves early, or never begins, ends the connection", async () => {
  let open = 0;
  const { store } = await storeOf((_, response) => {
    open += 1;
    response.once("close", () => (open -= 1));
    response.writeHead(200, { "content-length": 1e9 });
    response.write(Buffer.alloc(100_000));
  });
  for await (const piece of (await store.get("a"))?.body ?? []) {
    expect(piece.length).toBeGreaterThan(0);
    break;
  }
  const unread = await store.get("a");
  await unread?.body[Symbol.asyncIterator]().return?.();
  await vi.waitFor(() => expect(open).toBe(0));
});
