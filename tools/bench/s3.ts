// A store in a bucket of a real S3 server on this machine: what a release asks of it, key by key, and the publish of a large artifact
// against the stock client's upload of the same file.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import pMap from "p-map";

import { keys } from "../../src/artifact/pool.ts";
import { openFolderStore } from "../../src/stores/folder.ts";
import { openS3Store } from "../../src/stores/s3.ts";
import { type S3Request, startS3Proxy } from "../../test/stores/s3-proxy.ts";
import { credentials, type S3Server, startS3Server } from "../../test/stores/s3-server.ts";
import { programs } from "../test-programs.mjs";
import { inBucket } from "./bucket.ts";
import { writeRandomFile } from "./bytes.ts";
import { debAt } from "./debs.ts";
import { storeOfPackages } from "./many-packages.ts";
import { absolute, alternate, peakMemory, type Run, timeProcess } from "./measure.ts";
import { completeBake, origin } from "./releases.ts";
import type { Bench, Line, Row } from "./row.ts";

const { signal } = new AbortController();
/** Number of the first package that no store has; those after it that can be divided by three are for all architectures. */
const first = 6_000_001;
/** Versions that a name gets: a channel shows four. */
const versions = 6;
const largeSize = Number(process.env["KILN_BENCH_LARGE_BYTES"] ?? 5 * 1024 ** 3);

export const s3Requests: Row = {
  name: "s3-requests",
  run: (bench) =>
    withServer(bench, async (server) => {
      const lines: Line[] = [];
      for (const packages of [10, 50_000]) {
        const store = await storeOfPackages(bench, { name: `store-${packages}`, packages });
        const url = await server.makeBucket();
        await copyStore(store, url);
        lines.push(...(await requestsOf(bench, { server, url, packages })));
      }
      return lines;
    }),
};

/** Of a new name, and of further versions of it. */
async function requestsOf(
  bench: Bench,
  { server, url, packages }: { readonly server: S3Server; readonly url: string; readonly packages: number },
): Promise<Line[]> {
  const proxy = await startS3Proxy(server.endpoint);
  try {
    const counts: number[] = [];
    // The store's releases came in one append of thousands, whose end the next publisher reads: one request more, once.
    await timeProcess(publishing(bench, [await bakeOf(bench, packages, "1.0.0", "before")], url));
    for (let at = 0; at < versions; at += 1) {
      const bake = await bakeOf(bench, packages, `1.0.${at}`);
      const from = proxy.requests.length;
      await timeProcess(publishing(bench, [bake], url.replace(server.endpoint, proxy.endpoint)));
      const asked = proxy.requests.slice(from);
      counts.push(asked.length);
      console.error(`version ${at + 1} of a name, ${packages} packages: ${asked.length} requests`);
      for (const request of asked) console.error(`  ${shown(request)}`);
    }
    const [added = 0, ...further] = counts;
    const line = (what: string, values: readonly number[]): Line => ({
      what: `S3 requests for ${what}, one package into a channel of ${packages}`,
      bar: { sense: "≤", limit: 45, unit: "requests" },
      values,
      detail: "whole process, with all signatures, proofs and views",
    });
    return [line("a release of a new name", [added]), line("further versions of it", further)];
  } finally {
    await proxy.stop();
  }
}

export const s3Large: Row = {
  name: "s3-large",
  run: (bench) =>
    withServer(bench, async (server) => {
      const { folder, program } = bench;
      const bake = join(folder, "bake");
      const file = "app-1.0.0.tar.zst";
      await mkdir(bake);
      await writeRandomFile(join(bake, file), largeSize);
      await completeBake(bake, { artifact: file });
      const [url, bucket] = [await server.makeBucket(), await server.makeBucket()];
      // Neither has the other's copy beside it: that much memory and disk would slow the second down.
      const clear = async (): Promise<void> => {
        for (const one of [url, bucket]) await empty(one);
      };
      const kiln: Run = {
        ...publishing(bench, [bake], url),
        before: async () => {
          await clear();
          await timeProcess(inBucket(bench, ["store", "create", url, "--origin", origin]));
        },
      };
      const target = `s3://${new URL(bucket).hostname}/stores/one/${file}`;
      const peer: Run = {
        argv: [programs.aws, "--endpoint-url", server.endpoint, "s3", "cp", "--quiet", join(bake, file), target],
        env: { ...program.env, ...credentials, AWS_DEFAULT_REGION: credentials.AWS_REGION },
        before: clear,
      };
      const pairs = await alternate({ kiln, peer, times: 3 });
      return [
        {
          what: `publish of one artifact of ${largeSize / 1024 ** 3} GiB to a bucket: its rate over that of \`aws s3 cp\``,
          bar: { sense: "≥", limit: 0.8, unit: "×" },
          values: pairs.map((pair) => pair.peer / pair.kiln),
          detail: absolute(pairs, "aws s3 cp"),
        },
        {
          what: "its peak memory",
          bar: { sense: "≤", limit: 250, unit: "MB" },
          values: await peakMemory(kiln, 1),
          detail: "resident set of the whole process",
        },
      ];
    }),
};

/** The store's own client, as this process uses it, finds the credentials in the environment. */
async function withServer<T>({ folder }: Bench, work: (server: S3Server) => Promise<T>): Promise<T> {
  const before = { ...process.env };
  Object.assign(process.env, credentials, { TMPDIR: folder });
  const server = await startS3Server("versitygw");
  try {
    return await work(server);
  } finally {
    await server.stop();
    process.env = before;
  }
}

async function empty(url: string): Promise<void> {
  const store = await openS3Store(url, signal);
  for await (const { key } of store.list("")) await store.remove(key, Number.MAX_SAFE_INTEGER);
}

/** Object by object; the documents that everything hangs on last. */
async function copyStore(path: string, url: string): Promise<void> {
  const from = await openFolderStore(path, signal);
  const to = await openS3Store(url, signal);
  const found = (await Array.fromAsync(from.list(""))).map(({ key }) => key);
  const last: readonly string[] = [keys.head, keys.checkpoint, keys.catalog, keys.store];
  const copy = async (key: string): Promise<void> => {
    const object = await from.get(key);
    if (object !== undefined) await to.create(key, object.body);
  };
  await pMap(
    found.filter((key) => !last.includes(key)),
    copy,
    { concurrency: 32 },
  );
  for (const key of last) await copy(key);
}

function publishing(bench: Bench, bakes: readonly string[], url: string): Run {
  return inBucket(bench, ["publish", ...bakes, "--channel", "staging", "--store", url]);
}

/** A bake of one .deb, of a name that only the store of `packages` has. Returns its folder. */
async function bakeOf({ folder }: Bench, packages: number, version: string, name = "added"): Promise<string> {
  const { file, bytes, fields } = debAt(first + 3 * packages + (name === "added" ? 0 : 3), version);
  const bake = join(folder, `bake-${name}-${packages}-${version}`);
  await mkdir(bake);
  await writeFile(join(bake, file), bytes);
  await completeBake(bake, { artifact: file, name: `${name}-${packages}`, version, kind: "deb", record: fields });
  return bake;
}

function shown({ method, path }: S3Request): string {
  return `${method.padEnd(4)} ${path.replaceAll(/[0-9a-f]{60,}/g, (digest) => `${digest.slice(0, 8)}…`)}`;
}
