// Puts a release into service, whatever was there before: stop, switch, start, each journaled before it is done and each
// harmless when done again. Going forward, going back and recovering are this one function with another release.

import { type Activation, type Activator, type Target } from "../activators/activator.ts";
import { activatorNamed } from "../activators/index.ts";
import type { Context } from "../context.ts";
import { KilnError } from "../errors.ts";
import { type Environment, keptEnvironment } from "./environment.ts";
import type { PlacedRelease, Served } from "./journal.ts";
import type { Site } from "./site.ts";
import { isSame } from "./state.ts";

export interface Prepared {
  readonly served: Served;
  readonly id: string;
  readonly activator: Activator;
  readonly activation: Activation;
}

/** One path segment: readable, and never the same for two releases. */
export function idOf({ version, manifest }: Pick<PlacedRelease, "version" | "manifest">): string {
  return `${version}-${manifest.slice(0, 12)}`;
}

/** Parses and fills in, touching nothing. Throws NOT_DEPLOYABLE, PARAMETER_MISSING. */
export function prepare(
  release: PlacedRelease,
  { environment, place, context }: { environment: Environment; place: Target["place"]; context: Context },
): Prepared {
  const activator = activatorOf(release);
  const { specification } = release;
  const id = idOf(release);
  const activation = activator.prepare({ place, id, specification, parameters: environment.parameters }, context);
  return { served: { release, environment: environment.digest }, id, activator, activation };
}

/** The same for what is or was in service here, with the parameters it ran with. */
export function prepareServed(served: Served, site: Pick<Site, "place" | "context">): Prepared {
  const environment = keptEnvironment(site.place, served.environment);
  const prepared = prepare(served.release, { environment, place: site.place, context: site.context });
  return { ...prepared, served };
}

/** Whether it is in service, whole, and runs if it is to. */
export function isServed(
  { served, id, activator, activation }: Prepared,
  { place, state }: Pick<Site, "place" | "state">,
): boolean {
  if (activator.shown(place) !== id || !activation.isStaged()) return false;
  if (!activation.hasInstance) return true;
  const { running } = state();
  return running !== undefined && isSame(running.of, served) && activator.isRunning(running.instance);
}

/** Whether anything is in service at the place, or runs. */
export function isAnythingServed({ activator }: Prepared, { place, state }: Pick<Site, "place" | "state">): boolean {
  return activator.shown(place) !== undefined || state().running !== undefined;
}

/** Returns whether anything had to be done. `prepared` is staged. */
export async function serve(prepared: Prepared, site: Site): Promise<boolean> {
  if (isServed(prepared, site)) return false;
  const { served, id, activation } = prepared;
  if (!activation.isStaged()) {
    throw new KilnError("NOT_DEPLOYABLE", `${site.place.folder}: got no release ${id}, want it staged`, {
      hint: `somebody removed it; fetch it again: kiln deploy ${site.place.name}@${served.release.version}`,
    });
  }
  await stopRunning(site);
  site.record({ step: "switch" });
  await activation.switch();
  if (activation.hasInstance) {
    site.record({ step: "start" });
    await activation.start(async (instance) => site.record({ step: "started", of: served, instance }));
  }
  return true;
}

/** Leaves nothing in service: the way back from a first deploy. */
export async function withdraw({ activator }: Prepared, site: Site): Promise<void> {
  await stopRunning(site);
  site.record({ step: "switch" });
  await activator.withdraw(site.place);
}

/** A process that ended by itself may have left others in its group: it is stopped too. */
async function stopRunning(site: Site): Promise<void> {
  const { running } = site.state();
  if (running === undefined) return;
  site.record({ step: "stop" });
  await activatorOf(running.of.release).stop(running.instance, site.place);
}

function activatorOf({ activator: name, version }: PlacedRelease): Activator {
  const activator = activatorNamed(name);
  if (activator !== undefined) return activator;
  throw new KilnError(
    "NOT_DEPLOYABLE",
    `${version}: got the activator ${JSON.stringify(name)}, which this Kiln doesn't have`,
    {
      hint: "a newer Kiln put it into service: use that one",
    },
  );
}
