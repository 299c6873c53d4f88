// What a publish asks of a bucket, and how what it leaves there is served: every object of a store that has something in each view.

import { HeadObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";

import { digestOf } from "../../src/artifact/digest.ts";
import { keys as storeKeys } from "../../src/artifact/pool.ts";
import { publishRelease } from "../../src/publish/release.ts";
import { readDocument } from "../../src/stores/read.ts";
import { remembering } from "../../src/stores/remembered.ts";
import { openS3Store } from "../../src/stores/s3.ts";
import { npmBake } from "../fixtures/npm-bake.ts";
import { buildStore, makeBake } from "../fixtures/store-builder.ts";
import { startS3Proxy } from "../stores/s3-proxy.ts";
import { credentials, keys, type S3Server, startS3Server } from "../stores/s3-server.ts";

const { signal } = new AbortController();
const staging = { channel: "staging" };
let server: S3Server;

beforeAll(async () => {
  server = await startS3Server("versitygw");
}, 120_000);
beforeEach(() => {
  for (const [key, value] of Object.entries(credentials)) vi.stubEnv(key, value);
});
afterAll(() => server.stop());

function debOf(name: string, version: string) {
  const record = { Package: name, Version: version, Architecture: "amd64", Description: "a package of a test" };
  return bakeOf(name, version, { app: { kind: "deb", file: `${name}_${version}_amd64.deb`, record } });
}

function bakeOf(name: string, version: string, others: Parameters<typeof makeBake>[0]["others"] & object) {
  const commit = digestOf(`${name} ${version}`).slice(0, 40);
  return makeBake({ name, version, commit, artifacts: {}, others });
}

test("a release of one package takes at most 45 requests, whether it is new in its channel or the sixth of its name", async () => {
  const proxy = await startS3Proxy(server.endpoint);
  try {
    const url = (await server.makeBucket()).replace(server.endpoint, proxy.endpoint);
    const { publisher } = await buildStore(await openS3Store(url, signal));
    for (const name of ["one", "two"])
      await publishRelease(publisher, { bake: debOf(name, "1.0.0"), channel: staging });
    for (const version of ["1.0.0", "1.0.1", "1.0.2", "1.0.3", "1.0.4", "1.0.5"]) {
      const from = proxy.requests.length;
      // As a process of its own does.
      const store = remembering(await openS3Store(url, signal));
      await readDocument(store, storeKeys.store);
      await publishRelease({ ...publisher, store }, { bake: debOf("three", version), channel: staging });
      const asked = proxy.requests.slice(from).map(({ method, path }) => `${method} ${path}`);
      expect(asked.length, asked.join("\n")).toBeLessThanOrEqual(45);
    }
  } finally {
    await proxy.stop();
  }
}, 120_000);

const text = "text/plain; charset=utf-8";
const json = "application/json";
/** What an object is served as; the first that fits counts. */
const types: readonly (readonly [RegExp, string])[] = [
  [/^log\/(?:checkpoint)$/, text],
  [/^dists\/.*\/(?:InRelease|Release|preferences)$/, text],
  [/^rpm\/[^/]+\/mirrorlist$/, text],
  [/\.repo$/, text],
  [/\.(?:asc|vkey|prov)$/, text],
  [/^pypi\/.*\/index\.json$/, "application/vnd.pypi.simple.v1+json"],
  [/\.css$/, "text/css; charset=utf-8"],
  [/\.html$/, "text/html; charset=utf-8"],
  [/^npm\/|^log\/head$|\.json$/, json],
  [/\.pem$/, "application/x-pem-file"],
  [/\.yaml$/, "application/yaml"],
  [/\.deb$/, "application/vnd.debian.binary-package"],
  [/\.rpm$/, "application/x-rpm"],
  [/\.xml$/, "text/xml; charset=utf-8"],
  [/\.whl$/, "application/zip"],
  [/\.(?:gz|tgz)$/, "application/gzip"],
  [/\.xz$/, "application/x-xz"],
  [/\.zst$/, "application/zstd"],
];
const isForEver =
  /^(?:pool|log\/tile|log\/staging|catalog\/shard|web\/_)\/|^dists\/.*\/(?:by-hash|state)\/|^rpm\/[^/]+\/(?:generations|pool|state|repodata\/[0-9a-f]{64}-.*\.xml\.gz$)/;

test("every object of a store has a type, and says how long it may be kept", async () => {
  const url = await server.makeBucket();
  const store = await openS3Store(url, signal);
  const { publisher } = await buildStore(store);
  const wheel = { kind: "wheel", file: "greet-1.0.0-py3-none-any.whl", record: { name: "greet", version: "1.0.0" } };
  const chart = { kind: "chart", file: "web-1.0.0.tgz", record: { apiVersion: "v2", name: "web", version: "1.0.0" } };
  // As somebody else's package: Kiln's own signature inside would need a real header.
  const rpm = {
    kind: "archive",
    file: "tool-1.0.0-1.noarch.rpm",
    record: {
      ...{ name: "tool", version: "1.0.0", release: "1", architecture: "noarch", sourceRpm: "x.src.rpm" },
      headerRange: { start: 1, end: 2 },
      files: { "/usr/bin/": ["tool"] },
    },
  };
  const bakes = [
    debOf("one", "1.0.0"),
    bakeOf("tool", "1.0.0", { rpm }),
    bakeOf("greet", "1.0.0", { wheel }),
    bakeOf("web", "1.0.0", { chart }),
    npmBake({ name: "hello", version: "1.0.0", commit: "a", packages: { package: "@acme/hello" } }),
  ];
  for (const bake of bakes) await publishRelease(publisher, { bake, channel: staging });

  const client = new S3Client({
    endpoint: server.endpoint,
    region: "us-east-1",
    forcePathStyle: true,
    credentials: keys,
  });
  const { hostname: Bucket, pathname } = new URL(url);
  const unserved: string[] = [];
  const found = new Set<RegExp>();
  for await (const { key } of store.list("")) {
    const head = await client.send(new HeadObjectCommand({ Bucket, Key: `${pathname.slice(1)}/${key}` }));
    const [rule, type = "application/octet-stream"] = types.find(([pattern]) => pattern.test(key)) ?? [];
    if (rule !== undefined) found.add(rule);
    const kept = isForEver.test(key) ? "public, max-age=31536000, immutable" : "no-cache";
    const [got, want] = [`${head.ContentType} ${head.CacheControl}`, `${type} ${kept}`];
    if (got !== want) unserved.push(`${key}: got ${got}, want ${want}`);
  }
  client.destroy();
  expect(unserved).toEqual([]);
  expect(types.flatMap(([rule]) => (found.has(rule) ? [] : rule.source))).toEqual([]);
}, 120_000);
