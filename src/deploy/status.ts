// What is deployed on this host, read beside whoever may be changing it: takes no lock, changes nothing.

import type { PlacedRelease } from "./journal.ts";
import { isServed, prepareServed } from "./serve.ts";
import { type Host, isKnown, namesAt, placeOf, stateAt, unknownName } from "./site.ts";
import type { Outcome } from "./state.ts";

export interface Status {
  readonly name: string;
  /** Undefined: nothing of it is in service. */
  readonly release: PlacedRelease | undefined;
  /** Of its commit, milliseconds since 1970. */
  readonly since: number | undefined;
  /** `interrupted`: a deploy or rollback is under way, or a crash cut it off. `down`: not what the journal says. */
  readonly state: "in service" | "down" | "interrupted" | "nothing";
  /** Its process's id, if it has one that lives. */
  readonly pid: number | undefined;
}

/** Of one name, or of all that were ever deployed here. Throws NOT_FOUND. */
export function statusOf(names: readonly string[], host: Host): Status[] {
  const all = names.length === 0 ? namesAt(host) : names;
  return all.map((name) => {
    if (!isKnown(name, host)) throw unknownName(name, host);
    const place = placeOf(host, name);
    const state = stateAt(place);
    const { current, pending, running } = state;
    const isUp =
      current !== undefined &&
      isServed(prepareServed(current, { place, context: host.context }), { place, state: () => state });
    return {
      name,
      release: current?.release,
      since: current?.since,
      state: pending !== undefined ? "interrupted" : current === undefined ? "nothing" : isUp ? "in service" : "down",
      pid: isUp && typeof running?.instance["pid"] === "number" ? running.instance["pid"] : undefined,
    };
  });
}

/** Every run that ended, oldest first. Throws NOT_FOUND. */
export function historyOf(name: string, host: Host): readonly Outcome[] {
  if (!isKnown(name, host)) throw unknownName(name, host);
  return stateAt(placeOf(host, name)).history;
}
