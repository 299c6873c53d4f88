// What networks and busy servers do to a publish into a bucket: a proxy before the real server breaks connections, cuts bodies, and
// answers what S3 answers under load. Nothing may be lost, nothing published twice, and what passes by itself is never a failure.

import pMap from "p-map";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";

import { keys } from "../../src/artifact/pool.ts";
import { isKilnError } from "../../src/errors.ts";
import type { Bake } from "../../src/publish/bake-folder.ts";
import { createStore } from "../../src/publish/create-store.ts";
import type { Published } from "../../src/publish/group.ts";
import { promote } from "../../src/publish/promote.ts";
import type { Publisher } from "../../src/publish/publisher.ts";
import { publishRelease } from "../../src/publish/release.ts";
import { createOpenPgpKey, type OpenPgpKey } from "../../src/sign/openpgp-signer.ts";
import { remembering } from "../../src/stores/remembered.ts";
import { openS3Store } from "../../src/stores/s3.ts";
import type { Store } from "../../src/stores/store.ts";
import { everyFormat } from "../fixtures/every-format.ts";
import { bakeOf, publisher, withOpenPgp } from "../fixtures/publisher.ts";
import { seeded } from "../simulation/explore.ts";
import { checkStore } from "../simulation/whole.ts";
import { type Fault, faults, type S3Proxy, type S3Request, startS3Proxy } from "../stores/s3-proxy.ts";
import { credentials, type S3Server, startS3Server } from "../stores/s3-server.ts";
import { said } from "../views/every-view.ts";

const { signal } = new AbortController();
const plain = [
  bakeOf({ name: "app", version: "1.0.0", commit: "a" }),
  bakeOf({ name: "app", version: "1.0.1", commit: "b" }),
] as const;
const rich = [everyFormat("app", "1.0.0"), everyFormat("app", "1.0.1")] as const;
const staging = { channel: { channel: "staging" } };

let openpgp: OpenPgpKey;
const at = (store: Store): Publisher => withOpenPgp(publisher(store), openpgp);
let server: S3Server;
let proxy: S3Proxy;
/** What is done to the requests of each bucket; counted from 1 on since the plan was made. */
const plans = new Map<string, { requests: S3Request[]; readonly plan: (request: S3Request) => Fault | undefined }>();

beforeAll(async () => {
  openpgp = await createOpenPgpKey("Kiln examples <examples@kiln.invalid>", 1_600_000_000_000);
  server = await startS3Server("versitygw");
  proxy = await startS3Proxy(server.endpoint, (request) => {
    const planned = plans.get(request.bucket);
    const seen = { ...request, number: (planned?.requests.length ?? 0) + 1 };
    planned?.requests.push(seen);
    return planned?.plan(seen);
  });
});
beforeEach(() => {
  for (const [key, value] of Object.entries(credentials)) vi.stubEnv(key, value);
});
afterAll(async () => {
  await proxy.stop();
  await server.stop();
});

/** What happens to a write alone. */
const whenWriting: readonly Fault[] = ["cut", "lost", "409", "412"];

interface Act {
  /** What the store has before, and what comes to it. */
  readonly bakes: readonly [Bake, Bake];
  readonly run: (at: Publisher) => Promise<{ readonly treeSize: number } & Pick<Published, "release">>;
}
const publishing = (bakes: Act["bakes"]): Act => ({
  bakes,
  run: (at) => publishRelease(at, { bake: bakes[1], ...staging }),
});
const acts = {
  publish: publishing(plain),
  "publish of every format": publishing(rich),
  promote: {
    bakes: plain,
    run: (at) => promote(at, { name: "app", by: "version", version: "1.0.0" }, "production"),
  },
} as const satisfies Record<string, Act>;

const isWhole = process.env["KILN_SWEEP"] === "all";
/** The log's, after each act that nothing disturbed. */
const sizes = new Map<keyof typeof acts, number>();

test.for(Object.keys(acts) as (keyof typeof acts)[])(
  "whatever happens to whichever request of a %s, it is done once and nothing is lost",
  { timeout: 900_000 },
  async (name) => {
    const { requests, error } = await act(name, () => undefined);
    expect(error).toBeUndefined();
    expect(requests.length).toBeGreaterThan(10);
    const planned = requests.flatMap(({ isConditional }, at) => {
      const possible = faults.filter((fault) => isConditional || !whenWriting.includes(fault));
      return possible.map((fault) => ({ fault, at: at + 1 }));
    });
    await pMap(
      name === "publish of every format" && !isWhole ? sampled(planned, 60) : planned,
      async ({ fault, at }) => {
        const { error } = await act(name, (request) => (request.number === at ? fault : undefined));
        // A server that says without reason that a condition doesn't hold is the one thing that may be told to the user.
        if (fault === "412" && isKilnError(error, "STORE_UNREACHABLE")) return;
        expect(error, `${fault} at request ${at}`).toBeUndefined();
      },
      { concurrency: 6 },
    );
  },
);

test("faults in pairs, wherever they meet", { timeout: 900_000 }, async () => {
  await pMap(
    Array.from({ length: 30 }, (_, seed) => seed),
    async (seed) => {
      const random = seeded(seed);
      const at = [1 + Math.floor(random() * 45), 1 + Math.floor(random() * 45)];
      const pair = at.map((number) => ({ number, fault: faults[Math.floor(random() * faults.length)] as Fault }));
      const { error } = await act("publish", ({ number }) => pair.find((one) => one.number === number)?.fault);
      if (pair.some(({ fault }) => fault === "412") && isKilnError(error, "STORE_UNREACHABLE")) return;
      expect(error, JSON.stringify(pair)).toBeUndefined();
    },
    { concurrency: 6 },
  );
});

/** Evenly over the whole list. */
function sampled<T>(list: readonly T[], count: number): T[] {
  const random = seeded(1);
  const step = list.length / count;
  return Array.from({ length: count }, (_, at) => list[Math.floor((at + random()) * step)] as T);
}

/**
 * One act on a store of its own, and that the store is whole afterwards, its views those that are made from nothing. What fails is done
 * again, and then succeeds.
 */
async function act(
  name: keyof typeof acts,
  plan: (request: S3Request) => Fault | undefined,
): Promise<{ requests: readonly S3Request[]; error: unknown }> {
  const url = await server.makeBucket();
  const bucket = new URL(url).hostname;
  const direct = at(await openS3Store(url, signal));
  await createStore({ store: direct.store, trust: direct.trust, signer: direct.signers.log, now: 0 });
  const { bakes, run } = acts[name];
  await publishRelease(direct, { bake: bakes[0], ...staging });
  const requests: S3Request[] = [];
  plans.set(bucket, { requests, plan });
  const through = await openS3Store(url.replace(server.endpoint, proxy.endpoint), signal);
  const error = await run(at(remembering(through))).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  plans.delete(bucket);
  const again = await run(direct);
  const shown = await said(direct.store);
  // It ends with a rebuild.
  await checkStore(direct.store, [again], direct);
  expect(await said(direct.store)).toEqual(shown);
  expect((await direct.store.head(keys.release("app", "1.0.1"))) !== undefined).toBe(name !== "promote");
  // What it adds to the log is added once.
  sizes.set(name, sizes.get(name) ?? again.treeSize);
  expect(again.treeSize).toBe(sizes.get(name));
  return { requests, error };
}
