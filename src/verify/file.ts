// A file on this machine: with the four files beside it and the pinned trust file nothing else is needed, and no network.
// What isn't beside it is looked for in a store, if one is given; wherever it comes from, it is verified the same.

import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { basename } from "node:path";

import type { Digest } from "../artifact/digest.ts";
import { manifestFile, parseManifest } from "../artifact/manifest.ts";
import { fileNameSchema } from "../artifact/name.ts";
import { beside, besideAttestation, keys, poolKey } from "../artifact/pool.ts";
import { parseBundle } from "../artifact/sigstore.ts";
import type { Trust } from "../artifact/trust.ts";
import type { Context } from "../context.ts";
import { isSystemError, KilnError } from "../errors.ts";
import { inStep } from "../report.ts";
import { readDocument } from "../stores/read.ts";
import { documentLimit, type ReadableStore } from "../stores/store.ts";
import { catalogReader, names, parseCatalog, type ReleaseRow, releases } from "../views/catalog.ts";
import { shardReader } from "../views/shards.ts";
import { type Beside, type BesideFiles, type ProvenArtifact, verifyArtifact } from "./artifact.ts";
import { type Findings, newFindings, type Verification, verdictOf } from "./findings.ts";
import { type Passed, passOver } from "./pass.ts";
import { readSignedPackage, requirePackageSignature } from "./signed-package.ts";

export interface FileToVerify {
  /** Absolute. */
  readonly path: string;
  /** The pinned file. */
  readonly trust: Trust;
  /** Opens the store in which to look for what isn't beside the file; it isn't asked when everything is. */
  readonly openStore: (() => Promise<ReadableStore>) | undefined;
  readonly context: Pick<Context, "now" | "report" | "signal">;
}

export interface FileVerification extends Verification {
  readonly sha256: string;
  readonly size: number;
  /** Of a signed .rpm: the digest of the package that was baked. */
  readonly baked: string | undefined;
  readonly proven: ProvenArtifact;
}

/** Throws NOT_FOUND when there is no such file. */
export async function verifyFile({ path, trust, openStore, context }: FileToVerify): Promise<FileVerification> {
  const findings = newFindings();
  const { own, signed } = await inStep(context.report, `read ${basename(path)}`, async () => ({
    own: await passOverFile(path, context.signal),
    signed: await findings.checkAsync(path, () => readSignedPackage(() => bodyOf(path, context.signal), path)),
  }));
  const artifact = signed?.baked ?? own;
  const files = await findBeside({ path, artifact, openStore, findings });
  const now = context.now();
  const attestations = await readAttestations(path);
  const common = { trust, name: undefined, now, findings };
  const proven = await verifyArtifact({ file: path, artifact, files, attestations, ...common });
  if (signed !== undefined) {
    const index = proven.indexes.signature;
    await findings.checkAsync(path, () => requirePackageSignature(signed, { trust, index, now, what: path }));
  }
  const { sha256, size } = own;
  const baked = signed?.baked.sha256;
  return { subject: path, verdict: verdictOf(findings.list), findings: findings.list, sha256, size, baked, proven };
}

/**
 * The origin of the log that the bundle beside a file names; `undefined` without one. It is only good for choosing among
 * pinned trust files.
 */
export async function originBeside(path: string): Promise<string | undefined> {
  const where = path + beside.signature;
  const bytes = await readBounded(where);
  return bytes === undefined ? undefined : parseBundle(bytes, where).logEntry.checkpoint.split("\n")[0];
}

function bodyOf(path: string, signal: AbortSignal): AsyncIterable<Uint8Array> {
  return createReadStream(path, { highWaterMark: 1024 * 1024, signal });
}

async function passOverFile(path: string, signal: AbortSignal): Promise<Passed> {
  try {
    if (!(await stat(path)).isFile()) throw new KilnError("NOT_FOUND", `${path}: got a folder or device, want a file`);
    return await passOver(bodyOf(path, signal), { what: path, limit: Infinity });
  } catch (cause) {
    if (!isSystemError(cause, "ENOENT", "ENOTDIR")) throw cause;
    throw new KilnError("NOT_FOUND", `${path}: got no such file`, { cause });
  }
}

interface Search {
  readonly path: string;
  readonly artifact: Passed;
  readonly openStore: FileToVerify["openStore"];
  readonly findings: Findings;
}

async function findBeside({ path, artifact, openStore, findings }: Search): Promise<BesideFiles> {
  let found: Promise<{ store: ReadableStore; key: string | undefined }> | undefined;
  const search = async (open: () => Promise<ReadableStore>) => {
    const store = await open();
    return { store, key: await findInPool(store, artifact.sha256, basename(path)) };
  };
  const find = async (which: Beside): Promise<Uint8Array | "absent" | "unread"> => {
    const local = await readBounded(path + beside[which]);
    if (local !== undefined) return local;
    if (openStore === undefined) return "absent";
    const answer = await findings.checkAsync(path + beside[which], async () => {
      const { store, key } = await (found ??= search(openStore));
      const document = key === undefined ? undefined : await readDocument(store, key + beside[which]);
      return document?.bytes ?? "absent";
    });
    return answer ?? "unread";
  };
  return {
    openpgp: await find("openpgp"),
    signature: await find("signature"),
    provenance: await find("provenance"),
    sbom: await find("sbom"),
  };
}

/** Those beside the file, from the first on: how many there should be, only the release's manifest can say. */
async function readAttestations(path: string): Promise<Uint8Array[]> {
  const found: Uint8Array[] = [];
  for (;;) {
    const bytes = await readBounded(path + besideAttestation(found.length));
    if (bytes === undefined) return found;
    found.push(bytes);
  }
}

/**
 * The pool key of the artifact with this digest; `undefined` when no release has one. It is only a place to look: neither
 * catalog nor manifests are believed.
 */
async function findInPool(store: ReadableStore, sha256: Digest, name: string): Promise<string | undefined> {
  if (fileNameSchema.safeParse(name).success) {
    const key = poolKey({ sha256, file: name });
    if ((await store.head(key)) !== undefined) return key;
  }
  // The file was renamed: the releases' manifests know what it was called.
  for await (const { manifest } of catalogued(store)) {
    const key = poolKey({ sha256: manifest, file: manifestFile });
    const found = await readDocument(store, key);
    const artifact = found && parseManifest(found.bytes, key).artifacts.find((one) => one.sha256 === sha256);
    if (artifact !== undefined) return poolKey(artifact);
  }
  return undefined;
}

async function* catalogued(store: ReadableStore): AsyncGenerator<ReleaseRow> {
  const found = await readDocument(store, keys.catalog);
  if (found === undefined) return;
  const catalog = catalogReader(parseCatalog(found.bytes, keys.catalog).table, new Map(), shardReader(store));
  for await (const name of names(catalog)) yield* releases(catalog, name);
}

async function readBounded(path: string): Promise<Buffer | undefined> {
  try {
    const { size } = await stat(path);
    if (size > documentLimit)
      throw new KilnError("STORE_CORRUPT", `${path}: got ${size} bytes, want at most ${documentLimit}`);
    return await readFile(path);
  } catch (error) {
    if (isSystemError(error, "ENOENT", "ENOTDIR", "EISDIR")) return undefined;
    throw error;
  }
}
