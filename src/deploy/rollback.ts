// Rollback: to the release that was deployed before the one in service, from what is on this host; no store is asked. The one
// that is left isn't brought back by its channel. Rolling back again goes one further back, never forth.

import { KilnError } from "../errors.ts";
import { type Deployed, patience } from "./deploy.ts";
import { readEnvironment } from "./environment.ts";
import type { PlacedRelease } from "./journal.ts";
import { recover } from "./recover.ts";
import { run, type Timing } from "./run.ts";
import { prepare } from "./serve.ts";
import { type Host, isKnown, placeOf, type Site, stateAt, unknownName, withSite } from "./site.ts";
import { earlier } from "./state.ts";

/** Throws NOT_FOUND for a name that was never deployed here, NO_EARLIER_RELEASE, and what activating throws. */
export async function rollback(name: string, host: Host, { isDryRun }: { isDryRun?: boolean } = {}): Promise<Deployed> {
  if (!isKnown(name, host)) throw unknownName(name, host);
  if (isDryRun === true) {
    const place = placeOf(host, name);
    const state = stateAt(place);
    const to = nearestStaged({ place, context: host.context, state: () => state });
    return { name, from: state.current?.release, to, outcome: "planned", bytesFetched: 0, bytesReused: 0, timing: {} };
  }
  return await withSite(host, { name, patience }, async (site) => {
    await recover(site);
    const from = site.state().current?.release;
    const environment = readEnvironment(site.place);
    const to = nearestStaged(site);
    const timing: Timing = {};
    await run({ verb: "rollback", release: to, environment, stage: nothingToStage, timing }, site);
    return { name, from, to, outcome: "deployed", bytesFetched: 0, bytesReused: 0, timing };
  });
}

function nearestStaged(site: Pick<Site, "place" | "context" | "state">): PlacedRelease {
  const { place, context } = site;
  const environment = readEnvironment(place);
  const found = earlier(site.state()).find((release) =>
    prepare(release, { environment, place, context }).activation.isStaged(),
  );
  if (found !== undefined) return found;
  const now = site.state().current?.release.version ?? "nothing";
  throw new KilnError("NO_EARLIER_RELEASE", `${place.name}: got no earlier release than ${now} on this host`, {
    hint: `deploy the one you want: kiln deploy ${place.name}@VERSION`,
  });
}

/** Only a release that is staged is chosen. */
async function nothingToStage(): Promise<void> {}
