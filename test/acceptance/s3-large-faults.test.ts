// What networks and busy servers do while an object is sent in parts: a proxy before the real server spoils each request in turn, in each of
// its ways. The object is there afterwards, whole, or the server said without reason that a condition doesn't hold, and nothing is there.

import { createHash, randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";

import { isKilnError } from "../../src/errors.ts";
import { partSize } from "../../src/stores/s3-parts.ts";
import { openS3Store } from "../../src/stores/s3.ts";
import { type Fault, faults, type S3Proxy, type S3Request, startS3Proxy } from "../stores/s3-proxy.ts";
import { credentials, type S3Server, startS3Server } from "../stores/s3-server.ts";

const { signal } = new AbortController();
const body = randomBytes(partSize + 1000);

let server: S3Server;
let proxy: S3Proxy;
let plan: (number: number) => Fault | undefined;
let requests: S3Request[];

beforeAll(async () => {
  server = await startS3Server("versitygw");
  proxy = await startS3Proxy(server.endpoint, (request) => plan(requests.push(request)));
});
beforeEach(() => {
  for (const [key, value] of Object.entries(credentials)) vi.stubEnv(key, value);
});
afterAll(async () => {
  await proxy.stop();
  await server.stop();
});

async function* pieces(): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < body.length; at += 1_000_000) yield Buffer.from(body.subarray(at, at + 1_000_000));
}

test("whatever happens to whichever request of a large object, it is there whole", { timeout: 600_000 }, async () => {
  const url = await server.makeBucket();
  const direct = await openS3Store(url, signal);
  const through = await openS3Store(url.replace(server.endpoint, proxy.endpoint), signal);
  const send = async (key: string, planned: typeof plan) => {
    [plan, requests] = [planned, []];
    return through.create(key, pieces()).catch((error: unknown) => error);
  };
  expect(await send("whole", () => undefined)).toBe("created");
  // It is asked for; begun; two parts; completed.
  expect(requests.map(({ method }) => method)).toEqual(["HEAD", "POST", "PUT", "PUT", "POST"]);
  for (const [at] of [...requests].entries()) {
    for (const fault of faults) {
      const key = `${fault.replaceAll(" ", "-")}-${at}`;
      const outcome = await send(key, (number) => (number === at + 1 ? fault : undefined));
      const stored = await direct.get(key);
      if (fault === "412" && isKilnError(outcome, "STORE_CONTENDED", "STORE_UNREACHABLE") && stored === undefined)
        continue;
      expect(outcome, `${fault} at request ${at + 1}`).toBeOneOf(["created", "exists"]);
      const hash = createHash("sha256");
      for await (const piece of stored?.body ?? []) hash.update(piece);
      expect(hash.digest("hex"), key).toBe(createHash("sha256").update(body).digest("hex"));
    }
  }
  // What was begun and never heard of is left to gc.
  const begun = await Array.fromAsync(direct.uploads?.() ?? []);
  expect(begun.map(({ key }) => key).toSorted()).toEqual(["cut-1", "cut-answer-1", "lost-1"]);
});

test(
  "whatever happens when it is published again, it is there whole, and new to gc",
  { timeout: 600_000 },
  async () => {
    const url = await server.makeBucket();
    const direct = await openS3Store(url, signal);
    const through = await openS3Store(url.replace(server.endpoint, proxy.endpoint), signal);
    const again = async (planned: typeof plan) => {
      [plan, requests] = [planned, []];
      return through.create("whole", pieces()).catch((error: unknown) => error);
    };
    await direct.create("whole", pieces());
    expect(await again(() => undefined)).toBe("exists");
    // It is asked for; read and compared; copied onto itself.
    expect(requests.map(({ method }) => method)).toEqual(["HEAD", "GET", "POST", "PUT", "POST"]);
    for (const [at] of [...requests].entries()) {
      for (const fault of faults) {
        // Dates are whole seconds.
        await sleep(1100);
        const before = await direct.head("whole");
        const outcome = await again((number) => (number === at + 1 ? fault : undefined));
        const after = await direct.head("whole");
        if (fault === "412" && isKilnError(outcome, "STORE_CONTENDED", "STORE_UNREACHABLE")) continue;
        expect(outcome, `${fault} at request ${at + 1}`).toBe("exists");
        expect(after?.modified, `${fault} at request ${at + 1}`).toBeGreaterThan(before?.modified ?? 0);
      }
    }
  },
);
