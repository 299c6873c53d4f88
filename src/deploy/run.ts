// One run: a release goes into service and proves itself, or exactly what ran before comes back. The only two ends are the
// lines `commit` and `reverted`; a run that has neither is finished by `recover`, before anything else is done to the place.

import type { Context } from "../context.ts";
import { isKilnError, KilnError } from "../errors.ts";
import { inStep } from "../report.ts";
import { type Environment, keepEnvironment, pruneEnvironments } from "./environment.ts";
import type { PlacedRelease, Served, Verb } from "./journal.ts";
import { idOf, isAnythingServed, isServed, type Prepared, prepare, prepareServed, serve, withdraw } from "./serve.ts";
import type { Site } from "./site.ts";
import { earlier, type State } from "./state.ts";

/** Releases kept on disk, with the one in service. */
const kept = 5;

/** Milliseconds by step. */
export type Timing = Record<string, number>;

export interface Run {
  readonly verb: Verb;
  readonly release: PlacedRelease;
  readonly environment: Environment;
  /** Makes the release ready, if it isn't. */
  readonly stage: (prepared: Prepared) => Promise<void>;
  readonly timing: Timing;
}

/** Throws PROBE_FAILED and whatever else went wrong, after what ran before runs again; REVERT_FAILED if it doesn't. */
export async function run({ verb, release, environment, stage, timing }: Run, site: Site): Promise<void> {
  const { context, place } = site;
  // What the environment file lacks is found here, before anything is written down.
  const prepared = prepare(release, { environment, place, context });
  await keepEnvironment(place, environment);
  site.record({ step: "begin", verb, to: prepared.served });
  try {
    if (!prepared.activation.isStaged()) {
      site.record({ step: "stage" });
      await stage(prepared);
    }
    const title = `${place.name} ${release.version}`;
    await timed("activate", timing, context, () =>
      inStep(context.report, `put ${title} into service`, () => serve(prepared, site)),
    );
    site.record({ step: "probe" });
    const instance = site.state().running?.instance;
    await timed("probe", timing, context, () =>
      inStep(context.report, `probe ${title}`, () => prepared.activation.probe(instance)),
    );
    if (context.signal.aborted) throw new KilnError("CANCELLED", `${verb} of ${title} was interrupted`);
  } catch (error) {
    const message = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
    await timed("revert", timing, context, () =>
      revert({ why: isKilnError(error, "PROBE_FAILED") ? "probe" : "failed", message, cause: error }, site),
    );
    throw error;
  }
  site.record({ step: "commit" });
  await prune(site);
}

/** Ends the pending run the way back. */
export async function revert(
  { why, message, cause }: { why: "probe" | "interrupted" | "failed"; message: string; cause?: unknown },
  site: Site,
): Promise<void> {
  const { pending, current } = site.state();
  if (pending === undefined) return;
  if (pending.revert === undefined) site.record({ step: "revert", why, message });
  const back = current === undefined ? undefined : prepareServed(current, site);
  const wasTouched =
    back === undefined ? isAnythingServed(prepareServed(pending.to, site), site) : !isServed(back, site);
  if (wasTouched) {
    const { name } = site.place;
    const title =
      current === undefined
        ? `take ${pending.to.release.version} of ${name} out of service`
        : `put ${current.release.version} of ${name} back into service`;
    await inStep(site.context.report, title, () =>
      goBack({ back, gone: pending.to }, site).catch((error: unknown) => {
        const what = error instanceof Error ? error.message : String(error);
        throw new KilnError("REVERT_FAILED", `${message}; then this failed: ${title}: ${what}`, {
          hint: "mend that and run `kiln recover`",
          cause: cause ?? error,
        });
      }),
    );
  }
  site.record({ step: "reverted" });
  if (wasTouched && back !== undefined) await untilWell(back, site);
}

async function goBack({ back, gone }: { back: Prepared | undefined; gone: Served }, site: Site): Promise<void> {
  if (back === undefined) await withdraw(prepareServed(gone, site), site);
  else await serve(back, site);
}

/** Waits for what was put back to answer its probe. There is nothing to go back to from here, so a bad answer is only told. */
export async function untilWell({ activation }: Prepared, { context, place, state }: Site): Promise<void> {
  try {
    await activation.probe(state().running?.instance);
  } catch (error) {
    if (!isKilnError(error, "PROBE_FAILED", "CANCELLED")) throw error;
    context.report.note(`${place.name}: it runs again, but isn't well yet: ${error.message}`);
  }
}

/** Removes what is neither in service nor to be gone back to. Never before a commit. */
async function prune(site: Site): Promise<void> {
  const state = site.state();
  const { current } = state;
  if (current === undefined) return;
  const keep = keptReleases(state).map(idOf);
  await prepareServed(current, site).activator.prune(site.place, keep);
  await pruneEnvironments(site.place, [current.environment]);
}

/** The newest use of each release counts: what is in service, what `rollback` takes, then what else was tried. */
function keptReleases(state: State): PlacedRelease[] {
  const now = state.current === undefined ? [] : [state.current.release];
  const known = [...now, ...earlier(state), ...state.history.map(({ to }) => to).toReversed()];
  return known
    .filter(({ manifest }, at) => known.findIndex((other) => other.manifest === manifest) === at)
    .slice(0, kept);
}

/** Adds to `timing` how long `work` took. */
export async function timed<T>(
  step: string,
  timing: Timing,
  context: Pick<Context, "now">,
  work: () => Promise<T>,
): Promise<T> {
  const began = context.now();
  try {
    return await work();
  } finally {
    timing[step] = Math.round(context.now() - began);
  }
}
