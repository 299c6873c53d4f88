// What a journal's lines add up to: which release is in service, what runs, what was under way, what to go back to. A pure
// fold, and the only reading of the journal there is: running, recovering, status and history all start from it.

import type { Instance } from "../activators/activator.ts";
import type { Digest } from "../artifact/digest.ts";
import type { Line, PlacedRelease, Served, Verb } from "./journal.ts";

export interface Running {
  readonly of: Served;
  readonly instance: Instance;
}

/** A run that has begun and has neither committed nor been reverted. */
export interface Pending {
  readonly verb: Verb;
  readonly to: Served;
  readonly began: number;
  /** On its way back, and why. */
  readonly revert: { readonly why: "probe" | "interrupted" | "failed"; readonly message: string } | undefined;
}

/** A run that is over. */
export interface Outcome {
  readonly verb: Verb;
  readonly from: PlacedRelease | undefined;
  readonly to: PlacedRelease;
  readonly outcome: "committed" | "reverted";
  /** Why it was reverted. */
  readonly message: string | undefined;
  readonly began: number;
  readonly ended: number;
}

export interface State {
  /** In service by the last commit. */
  readonly current: (Served & { readonly since: number }) | undefined;
  /** The last instance that was started; it may have ended. Undefined once another release was switched to. */
  readonly running: Running | undefined;
  readonly pending: Pending | undefined;
  /** What was deployed and not rolled back, oldest first: the last one is current, the one before is what `rollback` takes. */
  readonly stack: readonly PlacedRelease[];
  /** Releases that a channel doesn't bring here again, and why. */
  readonly refused: ReadonlyMap<Digest, "failed its probe" | "was rolled back">;
  readonly history: readonly Outcome[];
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export function stateOf(lines: readonly Line[]): State {
  const refused = new Map<Digest, "failed its probe" | "was rolled back">();
  const history: Outcome[] = [];
  const state: Mutable<State> = {
    current: undefined,
    running: undefined,
    pending: undefined,
    stack: [],
    refused,
    history,
  };

  const end = (pending: Pending, outcome: Outcome["outcome"], ended: number): void => {
    const { verb, to, began, revert } = pending;
    history.push({
      verb,
      from: state.current?.release,
      to: to.release,
      outcome,
      message: revert?.message,
      began,
      ended,
    });
    state.pending = undefined;
  };

  for (const line of lines) {
    const { pending } = state;
    if (line.step === "begin") state.pending = { verb: line.verb, to: line.to, began: line.at, revert: undefined };
    else if (line.step === "started") state.running = { of: line.of, instance: line.instance };
    // What ran was stopped before.
    else if (line.step === "switch") state.running = undefined;
    else if (pending === undefined) continue;
    else if (line.step === "revert") state.pending = { ...pending, revert: { why: line.why, message: line.message } };
    else if (line.step === "reverted") {
      const { manifest } = pending.to.release;
      // When the release was in service before, its new parameters are to blame.
      const isNew = manifest !== state.current?.release.manifest;
      if (pending.revert?.why === "probe" && isNew) refused.set(manifest, "failed its probe");
      end(pending, "reverted", line.at);
    } else if (line.step === "commit") {
      end(pending, "committed", line.at);
      // To deploy another one is a new decision: a channel that comes back to what was rolled back means it.
      if (pending.verb === "deploy") {
        for (const [manifest, why] of refused) if (why === "was rolled back") refused.delete(manifest);
      }
      if (pending.verb === "rollback" && state.current) refused.set(state.current.release.manifest, "was rolled back");
      refused.delete(pending.to.release.manifest);
      state.stack = stackAfter(state.stack, pending);
      state.current = { ...pending.to, since: line.at };
    }
  }
  return state;
}

/** The releases that `rollback` could take, the nearest first. */
export function earlier(state: State): PlacedRelease[] {
  const now = state.current?.release.manifest;
  return state.stack
    .slice(0, -1)
    .filter(({ manifest }) => manifest !== now && !state.refused.has(manifest))
    .toReversed();
}

export function isSame(a: Served | undefined, b: Served | undefined): boolean {
  return a?.release.manifest === b?.release.manifest && a?.environment === b?.environment;
}

function stackAfter(stack: readonly PlacedRelease[], { verb, to }: Pending): PlacedRelease[] {
  const at =
    verb === "rollback" ? stack.slice(0, -1).findLastIndex(({ manifest }) => manifest === to.release.manifest) : -1;
  if (at !== -1) return stack.slice(0, at + 1);
  return stack.at(-1)?.manifest === to.release.manifest ? [...stack] : [...stack, to.release];
}
