// What a mirror holds: everything; what some channels show; or all releases of some names. The mirror's own kiln.json says so,
// and it only grows: a mirror that was made for one channel keeps what readers of it know.

import type { StoreDocument } from "../artifact/store-document.ts";
import { KilnError } from "../errors.ts";

/** Neither member: everything. */
export type Scope = NonNullable<StoreDocument["mirror"]>;

export function isWhole({ channels, names }: Scope): boolean {
  return channels === undefined && names === undefined;
}

/** The scope of a mirror that has `before` and is asked for `asked`. Throws MIRROR_CONFLICT. */
export function widened(before: Scope | undefined, asked: Scope): Scope {
  if (before === undefined || isWhole(asked)) return asked;
  const [of, want] = [scopeText(before), scopeText(asked)];
  if (isWhole(before)) throw conflict(of, want, "run it without --channel and names, or choose another target");
  if ((before.channels === undefined) !== (asked.channels === undefined)) {
    throw conflict(of, want, "mirror channels and names into targets of their own, or everything into this one");
  }
  return {
    ...(before.channels === undefined ? {} : { channels: union(before.channels, asked.channels) }),
    ...(before.names === undefined ? {} : { names: union(before.names, asked.names) }),
  };
}

export function isSameScope(a: Scope | undefined, b: Scope): boolean {
  return a !== undefined && JSON.stringify([a.channels, a.names]) === JSON.stringify([b.channels, b.names]);
}

/** For a person. */
export function scopeText({ channels, names }: Scope): string {
  if (channels !== undefined) return `what ${channels.join(", ")} ${channels.length === 1 ? "shows" : "show"}`;
  return names === undefined ? "everything" : `the releases of ${names.join(", ")}`;
}

function union(a: readonly string[] = [], b: readonly string[] = []): string[] {
  return [...new Set([...a, ...b])].toSorted();
}

function conflict(got: string, want: string, hint: string): KilnError {
  return new KilnError("MIRROR_CONFLICT", `target: got a mirror of ${got}, want one of ${want}`, { hint });
}
