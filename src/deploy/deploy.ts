// Deploy: resolve → fetch → verify → stage → activate → probe → commit, or back to what ran before.
// When nothing is to be done it takes no lock and writes nothing, so that it can be run every minute.

import type { Artifact } from "../artifact/manifest.ts";
import type { Trust } from "../artifact/trust.ts";
import { KilnError } from "../errors.ts";
import { inStep } from "../report.ts";
import type { ReadableStore } from "../stores/store.ts";
import { type Environment, readEnvironment } from "./environment.ts";
import { fetchArtifact, fetchManifest } from "./fetch.ts";
import type { PlacedRelease } from "./journal.ts";
import { recover } from "./recover.ts";
import { type Resolved, resolve, type Subject } from "./resolve.ts";
import { run, type Timing, timed } from "./run.ts";
import { select } from "./select.ts";
import { isServed, type Prepared, prepare, prepareServed } from "./serve.ts";
import { type Host, placeOf, type Site, stateAt, withSite } from "./site.ts";
import type { State } from "./state.ts";

/** Milliseconds that a deploy waits for another of the same name: longer than a probe takes, as a rule. */
export const patience = 60_000;

export interface Deployed {
  readonly name: string;
  /** What was in service before; undefined: nothing. */
  readonly from: PlacedRelease | undefined;
  readonly to: PlacedRelease;
  /** `planned`: a dry run, nothing was changed. */
  readonly outcome: "deployed" | "unchanged" | "planned";
  readonly bytesFetched: number;
  readonly bytesReused: number;
  readonly timing: Timing;
}

export interface Deploy {
  readonly subject: Subject;
  readonly store: ReadableStore;
  readonly trust: Trust;
  /** Node's platform and architecture, as in manifests: `linux-x64`. */
  readonly platform: string;
  /** Only says what would be done, having checked all that can be checked before. */
  readonly isDryRun?: boolean;
}

/** Throws what resolving, fetching and activating throw; what ran before runs again then. BAD_RELEASE, BUSY. */
export async function deploy({ subject, store, trust, platform, isDryRun }: Deploy, host: Host): Promise<Deployed> {
  const { context, root } = host;
  const timing: Timing = {};
  const resolveNow = (): Promise<Resolved> => resolve(subject, { store, trust, root, signal: context.signal });
  const resolved = await timed("resolve", timing, context, resolveNow);
  const place = placeOf(host, subject.name);
  const unchanged = ({ manifest }: Resolved, state: State): Deployed | undefined => {
    const { current, pending } = state;
    const isCurrent = current?.release.manifest === manifest && pending === undefined;
    if (!isCurrent || current.environment !== readEnvironment(place).digest) return undefined;
    if (!isServed(prepareServed(current, { place, context }), { place, state: () => state })) return undefined;
    const { release } = current;
    return {
      name: place.name,
      from: release,
      to: release,
      outcome: "unchanged",
      bytesFetched: 0,
      bytesReused: 0,
      timing,
    };
  };
  const before = unchanged(resolved, stateAt(place));
  if (before !== undefined) return before;

  const change = { subject, store, platform, timing };
  if (isDryRun === true) {
    return planOf(await prepareChange({ ...change, resolved }, { place, context, state: () => stateAt(place) }));
  }
  return await withSite(host, { name: subject.name, patience }, async (site) => {
    await recover(site);
    // While this waited for the lock, whoever had it may have followed the channel further.
    const newest = await resolveNow();
    return (
      unchanged(newest, site.state()) ??
      (await perform(await prepareChange({ ...change, resolved: newest }, site), site))
    );
  });
}

interface Change extends Pick<Deploy, "subject" | "store" | "platform"> {
  readonly resolved: Resolved;
  readonly timing: Timing;
}

/** A change that nothing stands in the way of, as far as can be known before it is made. */
interface PreparedChange extends Pick<Deployed, "name" | "from" | "to" | "timing"> {
  readonly store: ReadableStore;
  readonly artifact: Artifact;
  readonly environment: Environment;
  readonly isStaged: boolean;
}

async function prepareChange(
  { resolved, subject, store, platform, timing }: Change,
  { place, context, state }: Pick<Site, "place" | "context" | "state">,
): Promise<PreparedChange> {
  refuseBad(resolved, subject, state());
  const manifest = await timed("manifest", timing, context, () => fetchManifest(store, resolved));
  const { artifact, activator, specification } = select(manifest, platform);
  const { version } = manifest;
  const to = {
    version,
    manifest: resolved.manifest,
    artifact: artifact.name,
    activator: activator.name,
    specification,
  };
  const environment = readEnvironment(place);
  const isStaged = prepare(to, { environment, place, context }).activation.isStaged();
  return { name: place.name, from: state().current?.release, to, timing, store, artifact, environment, isStaged };
}

function planOf({ name, from, to, timing, artifact, isStaged }: PreparedChange): Deployed {
  const [bytesFetched, bytesReused] = isStaged ? [0, artifact.size] : [artifact.size, 0];
  return { name, from, to, outcome: "planned", bytesFetched, bytesReused, timing };
}

async function perform(change: PreparedChange, site: Site): Promise<Deployed> {
  const { to, timing, store, artifact, environment } = change;
  const { place, context } = site;
  const { report, signal } = context;
  const title = `${place.name} ${to.version}`;
  const stage = async ({ activation }: Prepared): Promise<void> => {
    const stream = await timed("fetch", timing, context, () =>
      inStep(report, `fetch and verify ${title}`, (step) =>
        fetchArtifact(store, artifact, { folder: place.folder, step, signal }),
      ),
    );
    await timed("stage", timing, context, () =>
      inStep(report, `stage ${title}`, (step) => activation.stage(stream, step)),
    );
  };
  await run({ verb: "deploy", release: to, environment, timing, stage }, site);
  return { ...planOf(change), outcome: "deployed" };
}

/** A channel doesn't bring back, minute after minute, what failed or was rolled back here; who names the version means it. */
function refuseBad({ name, version, manifest }: Resolved, { channel }: Subject, { refused }: State): void {
  const why = refused.get(manifest);
  if (why === undefined || channel === undefined) return;
  throw new KilnError("BAD_RELEASE", `${name}:${channel}: got ${version}, which ${why} on this host`, {
    hint: `move the channel, or try it again: kiln deploy ${name}@${version}`,
    details: { name, version, manifest },
  });
}
