// Whether a release of the `directory` activator is well: what its probe answers, and that its process lives on. When it
// isn't, the error carries the last lines that the process wrote, which is what a person asks for next.

import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import { KilnError } from "../errors.ts";
import { probe, type ProbeOptions } from "../system/probe.ts";
import type { FilledProbe } from "./directory-specification.ts";

export interface ReleaseProbe extends Pick<ProbeOptions, "cwd" | "env" | "signal"> {
  /** True for a release without a process. */
  readonly isRunning: () => boolean;
  /** Where its process writes, and from which byte on. */
  readonly output: { readonly log: string; readonly from: number } | undefined;
}

/** Milliseconds that a process must live when nothing says how to tell that it is well. */
const settling = 500;

/** Returns when it is well. Throws PROBE_FAILED, CANCELLED. */
export async function probeRelease(asked: FilledProbe | undefined, release: ReleaseProbe): Promise<void> {
  const hopeless = (): string | undefined => (release.isRunning() ? undefined : "that the process ended");
  const answer =
    asked === undefined
      ? await settle(hopeless, release)
      : await probe(asked.question, { ...asked, ...release, hopeless });
  if (answer === undefined) return;
  const { output } = release;
  const lines = output === undefined ? [] : lastLines(output.log, output.from);
  const want = asked === undefined ? "it to run on" : `a good answer within ${asked.within} ms`;
  // The address as the recipe has it: what parameters put into it may be secret.
  const message = `probe${asked === undefined ? "" : ` ${asked.shown}`}: got ${answer}, want ${want}`;
  throw new KilnError("PROBE_FAILED", [message, ...lines].join("\n  | "), {
    hint:
      output === undefined
        ? "what was in service before, if anything was, is in service again"
        : `the whole output is in ${output.log}`,
    details: { answer },
  });
}

async function settle(hopeless: () => string | undefined, { output }: ReleaseProbe): Promise<string | undefined> {
  if (output === undefined) return undefined;
  for (const end = performance.now() + settling; performance.now() < end; await sleep(25)) {
    const why = hopeless();
    if (why !== undefined) return why;
  }
  return hopeless();
}

/** At most 20 lines of 4 KiB. */
function lastLines(log: string, from: number): string[] {
  const file = openSync(log, "r");
  try {
    const { size } = fstatSync(file);
    const start = Math.max(from, size - 4096);
    const bytes = Buffer.alloc(Math.max(0, size - start));
    readSync(file, bytes, 0, bytes.length, start);
    const text = bytes.toString("utf8").trimEnd();
    return text === "" ? [] : text.split("\n").slice(-20);
  } finally {
    closeSync(file);
  }
}
