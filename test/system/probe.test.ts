import { createServer, type Server } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";

import { afterEach, expect, test } from "vitest";

import { probe, type ProbeOptions, type Question } from "../../src/system/probe.ts";

const servers: { close(): unknown }[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** Good answers may take long on a busy machine; bad ones are waited for in full. */
const patient = { within: 20_000 };

const ask = (question: Question, changes: Partial<ProbeOptions> = {}): Promise<string | undefined> =>
  probe(question, {
    within: 300,
    cwd: "/",
    env: { PATH: "/usr/bin:/bin", WORD: "good" },
    signal: new AbortController().signal,
    hopeless: () => undefined,
    ...changes,
  });

async function listen(server: Server): Promise<string> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("any 2xx is good; other statuses and redirects aren't", async () => {
  const url = await listen(
    createServer((request, response) => {
      response.statusCode = Number(request.url?.slice(1));
      response.setHeader("location", "/200");
      response.end();
    }),
  );
  expect(await ask({ http: `${url}/200` }, patient)).toBeUndefined();
  expect(await ask({ http: `${url}/204` }, patient)).toBeUndefined();
  expect(await ask({ http: `${url}/302` }, { within: 1000 })).toBe("status 302");
  expect(await ask({ http: `${url}/503` }, { within: 1000 })).toBe("status 503");
});

test("it asks until the answer is good", async () => {
  let count = 0;
  const url = await listen(
    createServer((_, response) => {
      count += 1;
      response.statusCode = count < 4 ? 500 : 200;
      response.end();
    }),
  );
  expect(await ask({ http: url }, patient)).toBeUndefined();
  expect(count).toBe(4);
});

test("an answer that never comes, or never ends, is no answer", async () => {
  const silent = await listen(createServer(() => undefined));
  expect(await ask({ http: silent })).toBe("no answer in time");
  expect(await ask({ http: "http://127.0.0.1:1" })).toContain("ECONNREFUSED");
});

test("a connection that is accepted is good", async () => {
  const server = createTcpServer((socket) => socket.destroy());
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  expect(await ask({ tcp: `127.0.0.1:${port}` }, patient)).toBeUndefined();
  expect(await ask({ tcp: `localhost:${port}` }, patient)).toBeUndefined();
  expect(await ask({ tcp: "127.0.0.1:1" })).toContain("ECONNREFUSED");
  expect(await ask({ tcp: "[::1]:1" })).toMatch(/ECONNREFUSED|EADDRNOTAVAIL/);
});

test("a command is good when it exits with 0; otherwise its last line is told", async () => {
  expect(await ask({ command: ["sh", "-c", 'test "$WORD" = good'] }, patient)).toBeUndefined();
  expect(await ask({ command: ["sh", "-c", "echo first; echo the queue is full >&2; exit 3"] }, { within: 2000 })).toBe(
    "exit status 3: the queue is full",
  );
  expect(await ask({ command: ["sleep", "60"] })).toBe("no answer in time");
  expect(await ask({ command: ["no-such-program"] })).toContain("no-such-program");
});

test("it stops at once when there is no more hope, also after a good answer that was somebody else's", async () => {
  const began = performance.now();
  expect(await ask({ tcp: "127.0.0.1:1" }, { within: 60_000, hopeless: () => "it died" })).toBe("it died");
  let asked = 0;
  const hopeless = (): string | undefined => ((asked += 1) > 1 ? "it died" : undefined);
  expect(await ask({ command: ["true"] }, { ...patient, hopeless })).toBe("it died");
  expect(performance.now() - began).toBeLessThan(10_000);
});

test("an interruption is CANCELLED, not a bad answer", async () => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 50);
  for (const question of [
    { http: "http://127.0.0.1:1" },
    { tcp: "127.0.0.1:1" },
    { command: ["sleep", "60"] },
  ] as Question[]) {
    await expect(ask(question, { within: 20_000, signal: controller.signal })).rejects.toMatchObject({
      code: "CANCELLED",
    });
  }
});
