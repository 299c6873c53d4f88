// Everything that a release has in the store: what its log entry names, its artifacts and their signatures against the
// records in the log, and the files beside them, which must be the very bytes that the log and the pool give. Where another release's
// files came first, the own lie apart, and the others must be good for the same artifact.

import { apartKey, besideKey, endsBeside } from "../../artifact/beside.ts";
import { digestOf } from "../../artifact/digest.ts";
import { hashedRekordBytes, type ReleaseLeaf } from "../../artifact/leaf.ts";
import { parseVkey } from "../../artifact/log-key.ts";
import { type Artifact, blobsOf } from "../../artifact/manifest.ts";
import { besideFormat, poolKey } from "../../artifact/pool.ts";
import { firstRecord } from "../../artifact/records.ts";
import { nativesOf } from "../../artifact/signatures.ts";
import { parseBundle } from "../../artifact/sigstore.ts";
import { sbomStatement } from "../../artifact/statement.ts";
import { isKilnError, KilnError } from "../../errors.ts";
import { openCheckpoint, logOf, type Checkpoint } from "../../log/checkpoint.ts";
import { readDocument, readWholeBlob } from "../../stores/read.ts";
import { besideView } from "../../views/beside.ts";
import type { ViewSource } from "../../views/view.ts";
import { verifyArtifact } from "../artifact.ts";
import { partsOf } from "../beside-files.ts";
import type { Passed } from "../pass.ts";
import { readPresent, type SignedRelease, verifyStoredArtifact } from "../release-artifact.ts";
import { verifySigned } from "../release.ts";
import { recordsOf } from "../signed-artifact.ts";
import { manifestKey, signaturesKey } from "../signed-release.ts";
import { type DocumentsToCheck, wasTaken } from "./documents.ts";
import type { LoggedLeaf } from "./log.ts";

export interface ReleaseToCheck extends DocumentsToCheck {
  readonly logged: LoggedLeaf & { readonly leaf: ReleaseLeaf };
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly onBytes: (count: number) => void;
  /** Told of each release whose documents are those of the log. */
  readonly onSigned: (release: SignedRelease) => void;
}

/** Checks the objects of one release; answers the keys of all that belong to it. */
export async function checkRelease(options: ReleaseToCheck): Promise<string[]> {
  const { store, trust, findings, logged, now } = options;
  const named = [manifestKey(logged.leaf), signaturesKey(logged.leaf)];
  const { name, version } = logged.leaf;
  const isRetired = options.history.withdrawal(name, version).retire !== undefined;
  const release = await verifySigned({ store, trust, findings, release: logged, isRetired, now });
  if (release === undefined) return named;
  options.onSigned(release);
  const { statements, passed } = await checkArtifacts(release, options);
  const { provenance, attestations } = release;
  const isWhole = [...statements, ...attestations].every((statement) => statement !== undefined);
  if (provenance !== undefined && isWhole) {
    const artifacts = release.manifest.artifacts.map(({ sha256 }, place) => ({
      sha256,
      statement: orNothing(statements[place]),
    }));
    const isLogged = findings.check(signaturesKey(logged.leaf), () => {
      requireSameRecords(
        logged,
        recordsOf(release.signatures, { artifacts, provenance, attestations: attestations.map(orNothing) }),
      );
      return true;
    });
    // The files beside the artifacts are made from the log's records: from others nothing could be said of them.
    if (isLogged) await checkBeside(release, passed, options);
  }
  const sidecars = release.manifest.artifacts.flatMap((artifact) =>
    endsBeside(release, artifact).flatMap((end) => [
      besideKey(artifact, end),
      apartKey(artifact, end, logged.leaf.manifest),
    ]),
  );
  return [...named, ...[...blobsOf(release.manifest), ...nativesOf(release.signatures)].map(poolKey), ...sidecars];
}

function orNothing(bytes: Uint8Array | undefined): Uint8Array {
  return bytes ?? new Uint8Array();
}

async function checkArtifacts(
  release: SignedRelease,
  { onBytes }: ReleaseToCheck,
): Promise<{ readonly statements: (Uint8Array | undefined)[]; readonly passed: (Passed | undefined)[] }> {
  const statements: (Uint8Array | undefined)[] = [];
  const all: (Passed | undefined)[] = [];
  for (const [place, artifact] of release.manifest.artifacts.entries()) {
    const { sbom, passed } = await verifyStoredArtifact(release, { artifact, place, onBytes });
    all.push(passed);
    const isRight = sbom !== undefined && digestOf(sbom) === artifact.sbom.sha256;
    statements.push(isRight ? sbomStatement(artifact, sbom) : undefined);
  }
  return { statements, passed: all };
}

function requireSameRecords({ index, records }: LoggedLeaf, want: LoggedLeaf["records"]): void {
  const different = want.findIndex(
    (record, place) =>
      records[place] === undefined ||
      Buffer.compare(hashedRekordBytes(record), hashedRekordBytes(records[place])) !== 0,
  );
  if (different < 0 && records.length === want.length) return;
  const at = index - want.length + Math.max(0, different);
  throw new KilnError("ENTRY_UNEXPECTED", `log entry ${at}: got the record of another signature than the release has`);
}

/** Each file beside an artifact must be what the view makes of the log, in the tree of that file's own checkpoint. */
async function checkBeside(
  release: SignedRelease,
  passed: readonly (Passed | undefined)[],
  options: ReleaseToCheck,
): Promise<void> {
  const { findings } = options;
  const made = new Map<string, ReadonlyMap<string, Uint8Array>>();
  const require = async (stored: Uint8Array, where: string, { artifact, end }: BesideToCheck): Promise<void> => {
    const isBundle = end.endsWith(".sigstore.json");
    const checkpoint = isBundle ? await checkpointOf(stored, where, options) : options.checkpoint;
    requireLogged(checkpoint, where, options);
    const wanted = made.get(checkpoint.note) ?? (await filesBeside(options, checkpoint));
    made.set(checkpoint.note, wanted);
    if (Buffer.compare(stored, wanted.get(besideKey(artifact, end)) ?? new Uint8Array()) === 0) return;
    throw new KilnError("VIEW_MISMATCH", `${where}: got another file than the log and the pool give`);
  };
  for (const [place, artifact] of release.manifest.artifacts.entries()) {
    const others = new Map<string, Uint8Array>();
    for (const end of endsBeside(release, artifact)) {
      const key = besideKey(artifact, end);
      const stored = await findings.checkAsync(key, () => readBeside(key, options));
      if (stored === undefined) continue;
      const apart = apartKey(artifact, end, options.logged.leaf.manifest);
      const own = await findings.checkAsync(key, async () => {
        try {
          await require(stored, key, { artifact, end });
        } catch (error) {
          if (!isKilnError(error, "VIEW_MISMATCH") || ofPackage.has(end)) throw error;
          return readApart(apart, error, options);
        }
        return undefined;
      });
      if (own === undefined) continue;
      others.set(end, stored);
      if (own !== "behind") await findings.checkAsync(apart, () => require(own, apart, { artifact, end }));
    }
    const bytes = passed[place];
    if (others.size > 0 && bytes !== undefined)
      await checkOthers(release, { artifact, passed: bytes, others }, options);
  }
}

/** Beside packages: one version of a package belongs to one release, so nobody else has these. */
const ofPackage: ReadonlySet<string> = new Set(Object.values(besideFormat));

interface BesideToCheck {
  readonly artifact: Artifact;
  readonly end: string;
}

/** The release's own file, where another's lies beside the artifact; `behind`: it isn't written yet. Throws `mismatch` where there is none. */
async function readApart(
  apart: string,
  mismatch: KilnError,
  { store, logged, findings, ...options }: ReleaseToCheck,
): Promise<Uint8Array | "behind"> {
  const found = await readDocument(store, apart);
  if (found !== undefined) return found.bytes;
  if (wasTaken(logged.index, options)) throw mismatch;
  findings.note("VIEW_BEHIND", apart, `${apart}: it isn't written yet`);
  return "behind";
}

/** Files of another release: whoever has the same bytes can verify them with these too. */
async function checkOthers(
  { manifest }: SignedRelease,
  placed: { readonly artifact: Artifact; readonly passed: Passed; readonly others: ReadonlyMap<string, Uint8Array> },
  { trust, findings, now }: ReleaseToCheck,
): Promise<void> {
  const { artifact, passed, others } = placed;
  const parts = partsOf(others, { manifest, artifact });
  const file = besideKey(artifact, "");
  await verifyArtifact({ file, artifact: passed, ...parts, trust, name: undefined, now, findings });
}

/** The tree of a file that was made for an earlier release doesn't have this one's records. */
function requireLogged({ size }: Checkpoint, key: string, { logged }: ReleaseToCheck): void {
  if (size > logged.index) return;
  throw new KilnError(
    "VIEW_MISMATCH",
    `${key}: got a file from when the log had ${size} entries, want one of a release that was logged at ${logged.index}`,
  );
}

/** Absent is a finding only when the views have taken in the release: until then a publisher is about to write it, or stopped. */
async function readBeside(key: string, { store, logged, findings, ...options }: ReleaseToCheck) {
  if (wasTaken(logged.index, options)) return readPresent(store, key);
  const found = await readDocument(store, key);
  if (found === undefined) findings.note("VIEW_BEHIND", key, `${key}: it isn't written yet`);
  return found?.bytes;
}

/** The checkpoint in a bundle, if its tree is the one that this log had. Throws BUNDLE_INVALID, CHECKPOINT_INVALID, LOG_INCONSISTENT. */
async function checkpointOf(bundle: Uint8Array, key: string, { trust, lineage }: ReleaseToCheck): Promise<Checkpoint> {
  const checkpoint = openCheckpoint(parseBundle(bundle, key).logEntry.checkpoint, logOf(trust));
  await lineage.require(checkpoint, key);
  return checkpoint;
}

async function filesBeside(
  { store, trust, lineage, logged }: ReleaseToCheck,
  checkpoint: Checkpoint,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  const first = firstRecord({ index: logged.index, leaf: logged.leaf });
  const source: ViewSource = {
    logId: parseVkey(trust.log).id,
    checkpoint,
    entry: async (index) => {
      const record = logged.records[index - first];
      if (record === undefined) throw new TypeError(`no record at leaf ${index}`);
      return hashedRekordBytes(record);
    },
    prove: (index) => lineage.prove(index, checkpoint),
    blob: (blob) => readWholeBlob(store, poolKey(blob), blob.sha256),
    releaseIndex: async () => logged.index,
  };
  const once = async (key: string, bytes: Uint8Array) => {
    files.set(key, bytes);
    return "made" as const;
  };
  await besideView.take([logged], source, {
    once,
    swap: async () => undefined,
    read: async () => undefined,
    copy: async () => "other",
    link: async () => {},
  });
  return files;
}
