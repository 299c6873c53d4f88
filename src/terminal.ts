// Where progress is shown: a live list on a terminal, plain lines in pipes and files, nothing with --quiet. Everything goes
// to one stream, never to stdout; it never throws, and a reader that went away is no error of the work.
// The work sees it as a `Reporter`; only the program opens and closes it.

import type { Reporter, Step } from "./report.ts";
import { createRedaction } from "./system/redaction.ts";
import { openLiveArea, openPlainArea } from "./terminal/area.ts";
import { type Look, lookOf } from "./terminal/look.ts";
import { printableLine } from "./terminal/printable.ts";
import { createProgress } from "./terminal/progress.ts";
import { finishedRow, type RunningStep } from "./terminal/rows.ts";

export interface TerminalOptions {
  readonly stream: NodeJS.WriteStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** `quiet`: errors only; `verbose`: also every line of every child. */
  readonly detail: "quiet" | "normal" | "verbose";
  /** Milliseconds, monotonic. */
  readonly clock: () => number;
}

export interface Terminal extends Reporter {
  readonly look: Look;
  /** `text` without the secrets that it was told. */
  redacted(text: string): string;
  /** Prints text that may have colours, after redaction and with --quiet too: for errors. */
  print(text: string): void;
  /** Leaves the screen as it was found. May be called twice. */
  close(): void;
}

/** How many of a child's last lines are kept for the case that its step fails. */
const keptLines = 25;

export function openTerminal({ stream, env, detail, clock }: TerminalOptions): Terminal {
  const isLive = stream.isTTY && env["TERM"] !== "dumb";
  const look = lookOf({ env, isTerminal: isLive });
  const redaction = createRedaction();
  const running = new Set<RunningStep>();
  const area = (isLive ? openLiveArea : openPlainArea)({ stream, running, look, clock });

  const clean = (text: string): string => printableLine(redaction.apply(text));
  const say = (line: string): void => {
    if (detail !== "quiet") area.print(line);
  };
  // Where several steps print, each line says whose it is.
  const sayOutput = (step: RunningStep, line: string): void => {
    const whose = [...running].some((other) => other !== step) ? `${step.title} ${look.signs.rule} ` : "";
    say(look.paint("dim", `  ${look.signs.rule} ${whose}${line}`));
  };

  function begin(rawTitle: string): Step {
    const title = clean(rawTitle);
    const step: RunningStep = { title, started: clock(), progress: createProgress(), said: "", tail: [] };
    running.add(step);
    if (detail !== "quiet") area.wake();
    const finish = (end: "done" | "skipped" | "failed", outcome?: string): void => {
      if (!running.delete(step)) return;
      const row = { end, title: step.title, outcome: outcome && clean(outcome), took: clock() - step.started };
      say(finishedRow(row, look, area.columns()));
      if (end !== "failed") return;
      for (const line of step.tail) say(look.paint("dim", `  ${look.signs.rule} ${line}`));
    };
    return {
      output(line) {
        const shown = clean(line);
        if (shown.trim() !== "") step.said = shown;
        if (detail === "verbose") sayOutput(step, shown);
        else step.tail = [...step.tail.slice(1 - keptLines), shown];
      },
      progress: (done, total, unit) => step.progress.note({ time: clock(), done, total, unit }),
      end: (outcome) => finish("done", outcome),
      skip: (reason) => finish("skipped", reason),
      fail: () => finish("failed"),
    };
  }

  // Who reads the progress may go away (EPIPE); the work goes on.
  stream.on("error", () => undefined);

  return {
    look,
    step: begin,
    note: (line) => say(clean(line)),
    redact: (secret) => redaction.add(secret),
    redacted: (text) => redaction.apply(text),
    print(text) {
      for (const line of redaction.apply(text).split("\n")) area.print(line);
    },
    close: () => area.close(),
  };
}
