// Deploy: resolve → fetch → verify → stage → activate → probe → commit, or back to what ran before.
// When nothing is to be done it takes no lock and writes nothing, so that it can be run every minute.

import type { Manifest } from "../artifact/manifest.ts";
import type { Trust } from "../artifact/trust.ts";
import { KilnError } from "../errors.ts";
import { inStep } from "../report.ts";
import type { ReadableStore } from "../stores/store.ts";
import { readEnvironment } from "./environment.ts";
import { fetchArtifact, fetchManifest } from "./fetch.ts";
import type { PlacedRelease } from "./journal.ts";
import { recover } from "./recover.ts";
import { type Resolved, resolve, type Subject } from "./resolve.ts";
import { run, type Timing, timed } from "./run.ts";
import { select } from "./select.ts";
import { isServed, prepareServed } from "./serve.ts";
import { type Host, placeOf, type Site, stateAt, withSite } from "./site.ts";
import type { State } from "./state.ts";

/** Milliseconds that a deploy waits for another of the same name: longer than a probe takes, as a rule. */
export const patience = 60_000;

export interface Deployed {
  readonly name: string;
  /** What was in service before; undefined: nothing. */
  readonly from: PlacedRelease | undefined;
  readonly to: PlacedRelease;
  readonly outcome: "deployed" | "unchanged";
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
}

/** Throws what resolving, fetching and activating throw; what ran before runs again then. BAD_RELEASE, BUSY. */
export async function deploy({ subject, store, trust, platform }: Deploy, host: Host): Promise<Deployed> {
  const { context, root } = host;
  const timing: Timing = {};
  const resolved = await timed("resolve", timing, host, () =>
    resolve(subject, { store, trust, root, signal: context.signal }),
  );
  const place = placeOf(host, resolved.name);
  const unchanged = (state: State): Deployed | undefined => {
    const { current, pending } = state;
    const isCurrent = current?.release.manifest === resolved.manifest && pending === undefined;
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
  const before = unchanged(stateAt(place));
  if (before !== undefined) return before;

  return await withSite(host, { name: resolved.name, patience }, async (site) => {
    await recover(site);
    return unchanged(site.state()) ?? (await change({ resolved, subject, store, platform, timing }, site));
  });
}

interface Change extends Pick<Deploy, "subject" | "store" | "platform"> {
  readonly resolved: Resolved;
  readonly timing: Timing;
}

async function change({ resolved, subject, store, platform, timing }: Change, site: Site): Promise<Deployed> {
  const { place, context } = site;
  const from = site.state().current?.release;
  refuseBad(resolved, subject, site.state());
  const manifest = await timed("manifest", timing, site, () => fetchManifest(store, resolved));
  const { artifact, activator, specification } = select(manifest, platform);
  const to = placed(manifest, resolved, { artifact: artifact.name, activator: activator.name, specification });
  let bytesFetched = 0;
  const title = `${to.version} of ${place.name}`;
  const environment = readEnvironment(place);
  await run(
    {
      verb: "deploy",
      release: to,
      environment,
      timing,
      stage: async ({ activation }) => {
        const stream = await timed("fetch", timing, site, () =>
          inStep(context.report, `fetch and verify ${title}`, (step) =>
            fetchArtifact(store, artifact, { folder: place.folder, step, signal: context.signal }),
          ),
        );
        bytesFetched = artifact.size;
        await timed("stage", timing, site, () =>
          inStep(context.report, `stage ${title}`, (step) => activation.stage(stream, step)),
        );
      },
    },
    site,
  );
  const bytesReused = artifact.size - bytesFetched;
  return { name: place.name, from, to, outcome: "deployed", bytesFetched, bytesReused, timing };
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

function placed(
  { version }: Manifest,
  { manifest }: Resolved,
  rest: Pick<PlacedRelease, "artifact" | "activator" | "specification">,
): PlacedRelease {
  return { version, manifest, ...rest };
}
