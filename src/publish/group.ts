// Publishing a group of bakes in one append: each is decided for the log as it stands, in the order given, so that nothing is uploaded
// for what would be refused; what is new is uploaded; then all are decided again, exactly, where they commit. A release that
// fails is left out and takes none of the others with it. A group of one is how every release is published.

import pMap from "p-map";

import type { Digest } from "../artifact/digest.ts";
import type { ReleaseLeaf } from "../artifact/leaf.ts";
import type { Manifest } from "../artifact/manifest.ts";
import { packagesOf } from "../artifact/packages.ts";
import { recordOrder } from "../artifact/records.ts";
import { type Code, isKilnError, KilnError } from "../errors.ts";
import { settle } from "../log/append.ts";
import { logOf } from "../log/checkpoint.ts";
import { inStep } from "../report.ts";
import { checkKeys } from "./allowed.ts";
import type { Bake } from "./bake-folder.ts";
import { requireDistinct, requireLegal, requireNameOf, requireUnclaimed } from "./clashes.ts";
import { adopted, type Claimant, type Released } from "./decide.ts";
import { type GateAnswer, refusalOf } from "./gates.ts";
import { renewalAge } from "./gc/grace.ts";
import { pointing, type Pointers } from "./pointing.ts";
import { type Addition, after, checkLeaves, commitAll, type Publisher, seconds, type Standing } from "./publisher.ts";
import { type PublishedState, stateAt } from "./state.ts";
import { upload, type Uploaded } from "./upload.ts";

/** Bakes that are uploaded at once: as many as this, or fewer whose artifacts are larger than so many bytes together. */
const uploads = { most: 32, bytes: 64 * 1024 * 1024 };

export interface PublishOptions extends Pointers {
  readonly bake: Bake;
}

export interface Published {
  readonly release: Released;
  /** False when the release was in the log before. */
  readonly added: boolean;
  /** The channel that was moved; null: none was. */
  readonly moved: string | null;
  readonly treeSize: number;
  /** What the gates said that were asked. */
  readonly gates: readonly GateAnswer[];
}

/** What became of one of several releases; an error is its own. */
export type Answer = Published | KilnError;

/**
 * The answers, in the order of `group`. Their errors are IMMUTABLE_CONFLICT, NAME_CLASH, BAKE_CHANGED, KEY_NOT_ALLOWED, GATE_FAILED, and what the
 * store threw of an upload. Throws what ends all of them: CANCELLED, and what the store and the log throw.
 */
export async function publishGroup(publisher: Publisher, group: readonly PublishOptions[]): Promise<Answer[]> {
  const { store, trust } = publisher;
  checkKeys(publisher, "log", "release", "openpgp");
  const before = await stateAt({ store, trust, head: await settle({ store, log: logOf(trust) }) });
  const members = await rehearsed(publisher, group, before);
  const first = await attempt(publisher, members, before);
  // What was thought to be there, or refused, and by the time of the commit is to be published after all.
  const late = members.filter((_, at) => first[at] === "late");
  const uploading = late.map(({ options }) => ({ options, isNew: true }));
  const second = late.length === 0 ? [] : await attempt(publisher, uploading);
  return first.map((answer) => {
    const last = answer === "late" ? second.shift() : answer;
    if (last === undefined || last === "late") throw new TypeError("a bake was uploaded and not decided");
    return last;
  });
}

interface Member {
  readonly options: PublishOptions;
  /** Whether it is to be uploaded, as far as is known. */
  readonly isNew: boolean;
  /** What is the matter with it: nothing more is done about it. */
  readonly failure?: KilnError;
  readonly uploaded?: Uploaded;
  /** When its upload began, milliseconds since 1970. */
  readonly since?: number;
}

/** What each would be, if nobody else came by. */
async function rehearsed(
  publisher: Publisher,
  group: readonly PublishOptions[],
  before: Standing,
): Promise<readonly Member[]> {
  const members: Member[] = [];
  const manifests = manifestsOf(group);
  let standing = before;
  for (const options of group) {
    const uploaded = placeholderFor(options.bake);
    const decision = await orFailure(
      () => decide({ publisher, options, manifests, uploaded, standing }),
      "STORE_UNREACHABLE",
    );
    if (decision instanceof KilnError) members.push({ options, isNew: false, failure: decision });
    else if (decision !== "late") {
      members.push({ options, isNew: decision.entries.length > 0 });
      standing = await after(standing, decision);
    }
  }
  return members;
}

function manifestsOf(group: readonly PublishOptions[]): ReadonlyMap<Digest, Manifest> {
  return new Map(group.map(({ bake: { identity, manifest } }) => [identity, manifest]));
}

/** Stands for what an upload will give: as many entries. */
function placeholderFor({ identity, manifest }: Bake): Uploaded {
  const entries = Array.from({ length: recordOrder(manifest).count }, () => Buffer.of());
  return { manifest: identity, signatures: identity, entries };
}

/** Uploads, then commits. `late`: it is new, and wasn't uploaded. */
async function attempt(
  publisher: Publisher,
  members: readonly Member[],
  start?: PublishedState,
): Promise<(Answer | "late")[]> {
  let ready = await uploadAll(publisher, members);
  if (ready.every(({ failure }) => failure !== undefined)) return ready.flatMap(({ failure }) => failure ?? []);
  const { outcome, head } = await inStep(
    publisher.context.report,
    "commit to the log",
    () =>
      commitAll(
        publisher,
        async (standing) => {
          ready = await uploadOldAgain(publisher, ready);
          return decideAll(publisher, ready, standing);
        },
        start,
      ),
    ({ from, head }) => (from === undefined ? "nothing to add" : `leaves ${from} to ${head.checkpoint.size - 1}`),
  );
  return outcome.map((decided) => {
    if (decided === "late" || decided instanceof KilnError) return decided;
    return refusalOf(decided) ?? { ...decided, treeSize: head.checkpoint.size };
  });
}

async function uploadAll(publisher: Publisher, members: readonly Member[]): Promise<readonly Member[]> {
  const { store, signers, context } = publisher;
  const bakes = members.filter(({ isNew }) => isNew).map(({ options }) => options.bake);
  const [first] = bakes;
  if (first === undefined) return members;
  const artifacts = bakes.flatMap(({ manifest }) => manifest.artifacts);
  const total = artifacts.reduce((sum, { size }) => sum + size, 0);
  const what = `sign and upload ${artifacts.length} ${artifacts.length === 1 ? "artifact" : "artifacts"}`;
  const step = context.report.step(bakes.length === 1 ? what : `${what} of ${bakes.length} releases`);
  let passed = 0;
  const onBytes = (count: number) => step.progress((passed += count), total, "bytes");
  const bring = async (member: Member): Promise<Member> => {
    const { options, isNew } = member;
    if (!isNew) return member;
    const since = context.now();
    const uploaded = await orFailure(() => upload({ store, signers, bake: options.bake, context, onBytes }));
    return uploaded instanceof KilnError ? { ...member, failure: uploaded } : { ...member, uploaded, since };
  };
  try {
    const brought = await pMap(members, bring, { concurrency: uploadsAtOnce(bakes) });
    const failed = brought.filter(({ isNew, failure }) => isNew && failure !== undefined).length;
    if (failed === bakes.length) step.fail();
    else if (failed > 0) step.end(`${failed} of them failed`);
    else step.end(bakes.length === 1 ? `manifest ${first.identity.slice(0, 12)}` : undefined);
    return brought;
  } catch (error) {
    step.fail();
    throw error;
  }
}

function uploadsAtOnce(bakes: readonly Bake[]): number {
  const largest = Math.max(...bakes.map(({ manifest }) => manifest.artifacts.reduce((sum, { size }) => sum + size, 0)));
  return Math.max(1, Math.min(uploads.most, Math.floor(uploads.bytes / Math.max(1, largest))));
}

/** What was uploaded so long ago that gc may take it before it is committed: making it again renews its age. */
async function uploadOldAgain(publisher: Publisher, members: readonly Member[]): Promise<readonly Member[]> {
  const now = publisher.context.now();
  const isOld = ({ since = now }: Member) => now - since >= renewalAge;
  const old = await uploadAll(publisher, members.filter(isOld));
  const renewed = [...old];
  return members.map((member) => (isOld(member) ? (renewed.shift() ?? member) : member));
}

type Decided = Omit<Published, "treeSize">;

/** Each is decided for the log as those before it leave it. */
async function decideAll(publisher: Publisher, members: readonly Member[], before: Standing) {
  const additions: Addition<Decided>[] = [];
  const outcome: (Decided | KilnError | "late")[] = [];
  // What comes after a late one of the same name waits for it: their moves keep their order.
  const late = new Set<string>();
  const manifests = manifestsOf(members.map(({ options }) => options));
  let standing = before;
  for (const { options, failure, uploaded } of members) {
    const { name } = options.bake.manifest;
    const decision =
      failure ??
      (late.has(name)
        ? "late"
        : await orFailure(() => decide({ publisher, options, manifests, uploaded, standing }), "STORE_UNREACHABLE"));
    if (decision === "late") late.add(name);
    if (decision === "late" || decision instanceof KilnError) outcome.push(decision);
    else {
      additions.push(decision);
      outcome.push(decision.outcome);
      standing = await after(standing, decision);
    }
  }
  return { additions, outcome };
}

/** What one bake adds to the log as it stands. Throws IMMUTABLE_CONFLICT, NAME_CLASH, KEY_NOT_ALLOWED, and what gates read. */
async function decide(one: {
  readonly publisher: Publisher;
  readonly options: PublishOptions;
  readonly manifests: ReadonlyMap<Digest, Manifest>;
  readonly uploaded: Uploaded | undefined;
  readonly standing: Standing;
}): Promise<Addition<Decided> | "late"> {
  const { publisher, options, manifests, uploaded, standing } = one;
  const { catalog, head } = standing;
  const { bake } = options;
  const claimant = claimOf(bake);
  requireDistinct(bake.manifest);
  const there = await adopted(catalog, claimant);
  const packages = packagesOf(bake.manifest);
  if (there === undefined) {
    requireLegal(bake.manifest);
    await requireUnclaimed(catalog, { ...claimant, packages });
    if (bake.isNamedByPackage) await requireNameOf(catalog, { ...claimant, packages });
  }
  const release = there ?? releaseAt(head.checkpoint.size + recordOrder(bake.manifest).count, claimant);
  const manifest = there === undefined ? bake.manifest : undefined;
  const aim = { release, manifest, manifests, pointers: options };
  const { leaves, moved, gates, refused } = await pointing({ catalog, publisher, ...aim });
  const outcome = { release, added: there === undefined, moved, gates };
  let addition: Addition<Decided> = { entries: [], leaves, outcome };
  if (there === undefined && !refused) {
    if (uploaded === undefined) return "late";
    const leaf = releaseLeaf({ bake, uploaded, time: seconds(publisher.context.now()) });
    addition = { entries: uploaded.entries, leaves: [leaf, ...leaves], outcome };
  }
  checkLeaves(publisher, addition, head.checkpoint.size);
  return addition;
}

function releaseAt(leaf: number, { name, version, manifest, claims }: Claimant): Released {
  return { name, version, manifest, commit: claims?.commit ?? null, leaf };
}

function releaseLeaf(options: {
  readonly bake: Bake;
  readonly uploaded: Uploaded;
  readonly time: number;
}): ReleaseLeaf {
  const { bake, uploaded, time } = options;
  const { name, version, manifest, claims } = claimOf(bake);
  return {
    type: "release",
    kiln: 1,
    name,
    version,
    manifest,
    signatures: uploaded.signatures,
    entries: uploaded.entries.length,
    claims,
    bakeKey: bake.manifest.bakeKey,
    ...(bake.manifest.imported === undefined ? {} : { imported: true }),
    packages: packagesOf(bake.manifest),
    time,
  };
}

function claimOf({ manifest: { name, version, source }, identity }: Bake): Claimant {
  const claims = source.commit === null ? null : { commit: source.commit, recipe: source.recipe };
  return { name, version, manifest: identity, claims };
}

/** What `work` returns, or its error as a value; not one that ends the whole group. */
async function orFailure<T>(work: () => Promise<T>, ...endsAll: readonly Code[]): Promise<T | KilnError> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof KilnError) || isKilnError(error, "CANCELLED", ...endsAll)) throw error;
    return error;
  }
}
