// The audit of a whole store, trusting nothing but the pinned trust file:
//
//   log        every entry, every signature on a leaf, the root rebuilt            → the tree
//   history    one release per version and per commit, channel moves in order      → what documents must say
//   keys       the copies of the public keys are what the pinned file gives
//   releases   every object that one names, every signature, the files beside it
//   documents  releases, channels and the catalog are what the log makes them
//   apt        every channel's repository is signed, and shows what the moves give
//   yum        the same, and that packages lie below the plain address
//   PyPI, Helm every byte of every channel's index is what the moves give
//   npm        every packument is signed, and is what the log gives
//   pages      the pages for people are what the log gives
//   objects    nothing else lies in the store
//
// Findings are collected, none hides another. What a publish in progress, or one that stopped, leaves behind is a note.

import { attestationKey } from "../../artifact/attestation.ts";
import { type AttestationLeaf, hasDocument } from "../../artifact/leaf.ts";
import { manifestFile, parseManifest } from "../../artifact/manifest.ts";
import { keys, poolKey } from "../../artifact/pool.ts";
import { parseStoreDocument, publicUrlOf, type StoreDocument } from "../../artifact/store-document.ts";
import type { Trust } from "../../artifact/trust.ts";
import type { Context } from "../../context.ts";
import { KilnError } from "../../errors.ts";
import { type Checkpoint, logOf, readCheckpoint } from "../../log/checkpoint.ts";
import { inStep } from "../../report.ts";
import type { ReadableStore } from "../../stores/store.ts";
import { verifyLaterAttestation } from "../attestation.ts";
import type { Placed } from "../documents.ts";
import { type Finding, newFindings, type Verification, verdictOf } from "../findings.ts";
import { readPresent } from "../release-artifact.ts";
import { requireDigest } from "../signed-release.ts";
import { checkApt } from "./apt.ts";
import {
  checkDocuments,
  checkReleaseDocument,
  type DocumentsToCheck,
  isFirst,
  readStoredCatalog,
} from "./documents.ts";
import { fingerprintOf, type FingerprintTable, fingerprintTable } from "./fingerprints.ts";
import { checkHead } from "./head.ts";
import { type LoggedRefusal, newHistory } from "./history.ts";
import { inOrder } from "./in-order.ts";
import { lineageOf, requireOwnTree } from "./lineage.ts";
import { type CheckedLog, checkLog, keptLeaves, type LoggedLeaf, type LogToCheck } from "./log.ts";
import { checkNpm, newNpmPackages, type NpmPackages } from "./npm.ts";
import { checkObjects, checkTiles } from "./objects.ts";
import { isElsewhere, noteElsewhere, partOf, type PartToCheck } from "./part.ts";
import { checkRelease } from "./release-objects.ts";
import { checkRepositories } from "./repositories.ts";
import { requiredIn } from "./required.ts";
import { rootAt, type Tree } from "./tree.ts";
import { checkTrustCopies } from "./trust.ts";
import { checkWeb, newWebFold } from "./web.ts";
import { checkYum } from "./yum.ts";

export interface AuditOptions {
  readonly store: ReadableStore;
  /** The pinned file. */
  readonly trust: Trust;
  /** A checkpoint that was seen before: the log must continue it, and only newer releases' objects are read. */
  readonly since: Checkpoint | undefined;
  readonly context: Pick<Context, "now" | "report" | "signal">;
}

export interface Audit extends Verification {
  readonly checkpoint: Checkpoint;
  /** Of the log. */
  readonly leaves: number;
  /** Whose objects were read. */
  readonly releases: number;
  /** What gates refused, in the log's order. */
  readonly refusals: readonly LoggedRefusal[];
  /** In the store; null: it can't list them. */
  readonly objects: number | null;
}

/** Throws STORE_NOT_FOUND, CHECKPOINT_INVALID: without a believable checkpoint there is nothing to audit. */
export async function audit({ store, trust, since, context }: AuditOptions): Promise<Audit> {
  const findings = newFindings();
  const { report } = context;
  // Before the log: so the log is at least as far as the catalog, whoever publishes meanwhile.
  const catalog = await readStoredCatalog(store, findings);
  const checkpoint = await readCheckpoint(store, logOf(trust));
  const log: LogToCheck = { store, trust, checkpoint, findings };
  const history = newHistory(catalog?.size ?? 0, findings);
  const web = newWebFold(trust.origin, catalog?.size ?? 0);
  const onLeaf = ({ index, leaf }: LoggedLeaf) => {
    web.add(index, leaf);
    return history.add(index, leaf);
  };
  const document = await checkStoreDocument(log);
  const part = partOf(document?.mirror);
  const publicUrl = document && publicUrlOf(document);
  await checkHead(log);
  const checked = await inStep(report, `check ${checkpoint.size} log entries`, (step) =>
    findings.checkAsync("log", () => checkLog({ ...log, step, onLeaf })),
  );
  const result = {
    subject: store.url,
    findings: findings.list,
    checkpoint,
    leaves: checkpoint.size,
    refusals: history.refusals,
  };
  const isWhole = checked !== undefined && (await isOfCheckpoint(checked.tree, log));
  // What publishers saw differently gives other pages: those would only repeat what is known.
  const isCut = (catalog?.size ?? 0) > checkpoint.size;
  const isSound = !isCut && findings.list.every(({ severity }) => severity === "note");
  // Without the log of the checkpoint there is nothing that the rest could be compared with.
  if (!isWhole) return { ...result, verdict: verdictOf(findings.list), releases: 0, objects: null };
  const { tree } = checked;
  if (since !== undefined) findings.check("log", () => requireOwnTree(since, tree, "the checkpoint seen before"));
  const copies = await checkTrustCopies({ ...log, now: context.now() });
  const named = since === undefined ? fingerprintTable() : undefined;
  const lineage = lineageOf({ store, trust, tree });
  const packages = newNpmPackages();
  const documents = { ...log, tree, history, catalog, lineage, part, packages, publicUrl, now: context.now() };
  const required = await requiredIn(documents);
  const releases = await checkReleases({ ...documents, required, kept: checked.kept, since, named, context });
  await inStep(report, "check channels and catalog", () => checkDocuments(documents));
  const repositories = await inStep(report, "check repositories", async () => {
    await checkApt(documents);
    await checkYum(documents);
    // Releases that weren't looked at say nothing of what a packument must hold.
    if (since === undefined) await checkNpm({ ...documents, required });
    return checkRepositories(documents);
  });
  const pages = await inStep(report, "check the pages", () =>
    // What isn't in a mirror of a part isn't on its pages, or is as it was said by whoever mirrored it.
    isSound && part === undefined && publicUrl !== undefined
      ? checkWeb({ ...documents, web, publicUrl, from: since?.size ?? 0 })
      : Promise.resolve(undefined),
  );
  const objects = await inStep(
    report,
    "check every object",
    (step) => checkObjects({ ...documents, named, repositories, copies, step, pages: named && pages }),
    (count) => (count === undefined ? "not listed" : `${count} objects`),
  );
  noteElsewhere(documents);
  if (lineage.size > tree.size) {
    const grew = `it grew from ${tree.size} to ${lineage.size} leaves meanwhile, and the new ones weren't looked at`;
    findings.note("LOG_GREW", keys.checkpoint, `log: ${grew}`);
  }
  return { ...result, verdict: verdictOf(findings.list), releases, objects: objects ?? null };
}

interface ReleasesToCheck extends PartToCheck {
  readonly kept: CheckedLog["kept"];
  readonly since: Checkpoint | undefined;
  readonly named: FingerprintTable | undefined;
  readonly packages: NpmPackages;
  readonly context: AuditOptions["context"];
}

async function checkReleases(options: ReleasesToCheck): Promise<number> {
  const { kept, since, named, context } = options;
  return inStep(
    context.report,
    "check the releases",
    async (step) => {
      let count = 0;
      let bytes = 0;
      const onBytes = (more: number) => step.progress((bytes += more), undefined, "bytes");
      const from = Math.min(since?.size ?? 0, options.checkpoint.size);
      const start = (logged: LoggedLeaf) => checkOne(logged, { ...options, onBytes });
      const checked = inOrder(keptLeaves(options, { from, kept }), { ahead: releasesAhead, start });
      for await (const { findings, keys: own, isRelease } of checked) {
        if (context.signal.aborted) throw new KilnError("CANCELLED", "audit: interrupted");
        findings.forEach(options.findings.add);
        for (const key of own) named?.set(fingerprintOf(key), fingerprintOf(key));
        if (isRelease && own.length > 0) count += 1;
      }
      return count;
    },
    (count) => `${count} releases`,
  );
}

/** Releases that are being checked at once: reading many small objects is mostly waiting. */
const releasesAhead = 16;

interface CheckedOne {
  readonly findings: readonly Finding[];
  readonly keys: readonly string[];
  readonly isRelease: boolean;
}

/** What was found about one release, alias or attestation, and the keys that belong to it: none for what nobody is served. */
async function checkOne(
  logged: LoggedLeaf,
  options: ReleasesToCheck & { readonly onBytes: (count: number) => void },
): Promise<CheckedOne> {
  const { index, leaf } = logged;
  const findings = newFindings();
  if (await isElsewhere(leaf, options)) return { findings: [], keys: [], isRelease: false };
  if (leaf.type === "attestation") {
    const keys = await checkAttestation({ index, leaf }, { ...options, findings });
    return { findings: findings.list, keys, isRelease: false };
  }
  if (!hasDocument(leaf) || !isFirst(logged, options.history)) return { findings: [], keys: [], isRelease: false };
  const own = { ...options, findings };
  await checkReleaseDocument({ index, leaf }, own);
  const keys =
    leaf.type === "alias"
      ? []
      : await checkRelease({
          ...own,
          logged: { ...logged, leaf },
          now: options.context.now(),
          onSigned: options.packages.add,
        });
  return { findings: findings.list, keys, isRelease: true };
}

/** The manifest, which says what the statement must be about, was or will be checked with its release. */
async function checkAttestation(placed: Placed<AttestationLeaf>, options: DocumentsToCheck): Promise<string[]> {
  const { store, trust, findings } = options;
  const { manifest: identity, digest } = placed.leaf;
  const key = attestationKey(digest);
  await findings.checkAsync(key, async () => {
    const manifestKey = poolKey({ sha256: identity, file: manifestFile });
    const bytes = await readPresent(store, manifestKey);
    requireDigest(bytes, identity, manifestKey);
    await verifyLaterAttestation({ store, trust, placed, manifest: parseManifest(bytes, manifestKey) });
  });
  return [key];
}

/** Whether the entries lead to the checkpoint's root; where they don't, their tiles say which of them are others. */
async function isOfCheckpoint(tree: Tree, log: LogToCheck): Promise<boolean> {
  const { store, checkpoint, findings } = log;
  const isRoot = findings.check("log", () => {
    const got = rootAt(tree, checkpoint.size);
    if (got.equals(checkpoint.root)) return true;
    const message = `got entries that lead to the root ${got.toString("hex")}, want ${checkpoint.root.toString("hex")}`;
    throw new KilnError("PROOF_INVALID", `log: ${message}`);
  });
  if (isRoot === undefined) await checkTiles({ store, tree, findings });
  return isRoot ?? false;
}

/**
 * It only says where the store is reached, and which trust file to look for: a reader who believed another one would look for
 * another log.
 */
async function checkStoreDocument({ store, trust, findings }: LogToCheck): Promise<StoreDocument | undefined> {
  return findings.checkAsync(keys.store, async () => {
    const document = parseStoreDocument(await readPresent(store, keys.store));
    const { origin } = document;
    if (origin === trust.origin) return document;
    throw new KilnError("SUBJECT_MISMATCH", `${keys.store}: got the log of ${origin}, want ${trust.origin}`);
  });
}
