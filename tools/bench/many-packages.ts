// A store whose channel has many packages, made by Kiln's own append, catalog and views, thousands of leaves at a time. Each name has a
// few packages, as a source package has; one name has hundreds. The releases have no signatures beside their artifacts: nothing that is
// measured reads them, and fifty thousand would take an hour to make.

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import pMap from "p-map";

import { digestOf } from "../../src/artifact/digest.ts";
import { canonicalBytes } from "../../src/artifact/json.ts";
import type { ChannelLeaf, ReleaseLeaf } from "../../src/artifact/leaf.ts";
import { type Artifact, type Manifest, manifestBytes, manifestFile } from "../../src/artifact/manifest.ts";
import { poolKey } from "../../src/artifact/pool.ts";
import { signaturesBytes, signaturesFile } from "../../src/artifact/signatures.ts";
import { append } from "../../src/log/append.ts";
import { logOf } from "../../src/log/checkpoint.ts";
import type { Head } from "../../src/log/head.ts";
import { bringUp } from "../../src/publish/bring-up.ts";
import type { Publisher } from "../../src/publish/publisher.ts";
import { debAt } from "./debs.ts";
import { openPublisher, signedLeaf } from "./publisher.ts";
import { createStore } from "./releases.ts";
import type { Bench } from "./row.ts";

const packagesOfName = 5;
const packagesOfOneName = 300;
/** Releases an append. */
const batch = 2000;
const time = 1_767_000_000;

/** A folder store in which `staging` shows `packages` packages. Returns its path. Made in memory where there is room for it. */
export async function storeOfPackages(
  bench: Bench,
  { name, packages, sort = debs }: { readonly name: string; readonly packages: number; readonly sort?: Sort },
): Promise<string> {
  const wanted = { packages, sort };
  if (!existsSync("/dev/shm")) return await fill(bench, await createStore(bench, name), wanted);
  const folder = await mkdtemp("/dev/shm/kiln-bench-");
  try {
    const store = join(bench.folder, name);
    const made = await fill(bench, await createStore({ ...bench, folder }, name), wanted);
    await promisify(execFile)("cp", ["-a", made, store]);
    return store;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** What the packages are. */
export interface Sort {
  readonly artifactAt: (at: number) => Omit<Artifact, "name" | "sbom">;
  /** Whether the view reads them, and the releases' signatures. */
  readonly bytesAt?: (at: number) => { readonly file: string; readonly bytes: Buffer };
}

const debs: Sort = {
  artifactAt(at) {
    const { file, fields, bytes, sha256 } = debAt(at);
    const platform = fields["Architecture"] === "all" ? "any" : "linux-x64";
    return { kind: "deb", platform, file, size: bytes.length, sha256, record: { ...fields } };
  },
};

async function fill(
  bench: Bench,
  store: string,
  { packages, sort }: { readonly packages: number; readonly sort: Sort },
): Promise<string> {
  const { publisher } = await openPublisher(bench, store);
  const manifests: Manifest[] = [];
  for (let at = 0; at < packages;) {
    const count = Math.min(
      at === 0 && packages > 2 * packagesOfOneName ? packagesOfOneName : packagesOfName,
      packages - at,
    );
    manifests.push(manifestOf(at, count, sort));
    if (sort.bytesAt !== undefined) await storeBlobs(publisher, { first: at, count, bytesAt: sort.bytesAt });
    at += count;
  }
  let head: Head | undefined;
  for (let from = 0; from < manifests.length; from += batch) {
    head = await appendReleases(publisher, manifests.slice(from, from + batch));
  }
  if (head !== undefined) await bringUp({ ...publisher, head, now: Date.now() });
  return store;
}

async function appendReleases(publisher: Publisher, manifests: readonly Manifest[]): Promise<Head> {
  const { store, trust, signers, context, pause } = publisher;
  await pMap(
    manifests,
    async (manifest) => {
      const bytes = manifestBytes(manifest);
      await store.create(poolKey({ sha256: digestOf(bytes), file: manifestFile }), bytes);
      const signed = signaturesOf(manifest);
      await store.create(poolKey({ sha256: digestOf(signed), file: signaturesFile }), signed);
    },
    { concurrency: 16 },
  );
  const appender = { store, log: logOf(trust), signer: signers.log, signal: context.signal, pause };
  const { head } = await append(appender, async () =>
    manifests.flatMap((manifest) => leavesOf(manifest).map((leaf) => signedLeaf(publisher, leaf))),
  );
  return head;
}

/** With none in it: every package is its own signed file. */
function signaturesOf(manifest: Manifest): Uint8Array {
  const identity = digestOf(manifestBytes(manifest));
  return signaturesBytes({ kiln: 1, manifest: identity, publicKey: "", artifacts: [], provenance: "" });
}

function leavesOf(manifest: Manifest): [ReleaseLeaf, ChannelLeaf] {
  const { name, version } = manifest;
  const common = { kiln: 1 as const, name, version, manifest: digestOf(manifestBytes(manifest)), time };
  const claims = { commit: manifest.source.commit ?? "", recipe: "kiln.yaml" };
  const signatures = digestOf(signaturesOf(manifest));
  return [
    {
      type: "release",
      ...common,
      signatures,
      entries: 2 * manifest.artifacts.length + 1,
      claims,
      bakeKey: manifest.bakeKey,
    },
    { type: "channel", ...common, channel: "staging", counter: 1, follows: null },
  ];
}

async function storeBlobs(
  { store }: Publisher,
  {
    first,
    count,
    bytesAt,
  }: { readonly first: number; readonly count: number; readonly bytesAt: NonNullable<Sort["bytesAt"]> },
): Promise<void> {
  const places = Array.from({ length: count }, (_, place) => first + place);
  await pMap(
    places,
    async (at) => {
      const { file, bytes } = bytesAt(at);
      await store.create(poolKey({ sha256: digestOf(bytes), file }), bytes);
    },
    { concurrency: 16 },
  );
}

function manifestOf(first: number, count: number, sort: Sort): Manifest {
  const artifacts = Array.from({ length: count }, (_, place): Artifact => {
    const artifact = sort.artifactAt(first + place);
    const sbom = canonicalBytes({ bomFormat: "CycloneDX", specVersion: "1.6", version: 1 });
    return {
      name: `package-${String(place).padStart(4, "0")}`,
      ...artifact,
      sbom: { file: `${artifact.file}.cdx.json`, size: sbom.length, sha256: digestOf(sbom) },
    };
  });
  const name = `name-${createHash("sha256").update(`${first}`).digest("hex").slice(0, 8)}-${first}`;
  return {
    kiln: 1,
    name,
    version: "1.0.0",
    source: {
      repository: "https://code.example/many",
      commit: digestOf(name).slice(0, 40),
      recipe: "kiln.yaml",
      time,
    },
    bakeKey: digestOf(`bake of ${name}`),
    artifacts,
    provenance: { file: "provenance.json", size: 2, sha256: digestOf("{}") },
    activate: {},
  };
}
