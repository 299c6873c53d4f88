// One step, one row: a sign, the title, what came of it (or how far it is), and the time at the right. Pure; the
// text that comes in is printable and has no colours yet.

import type { Look } from "./look.ts";
import { durationText } from "./measure.ts";
import { fitted, widthOf } from "./printable.ts";
import type { Progress } from "./progress.ts";

/** A step that is running: what a live row or a heartbeat is made from. */
export interface RunningStep {
  readonly title: string;
  /** Milliseconds, by the same clock as the `time` that rows are drawn for. */
  readonly started: number;
  readonly progress: Progress;
  /** The last line that its child printed; empty when there is none. */
  said: string;
  /** Its child's last lines, for the case that it fails. */
  tail: readonly string[];
}

/** Columns of the terminal; undefined in a pipe or a file, where nothing is cut or aligned. */
export type Columns = number | undefined;

/** Wider than this, a line's end is too far from its beginning to be read with it. */
const widest = 100;
/** What a title gets beside a progress bar. */
const titleColumn = 28;

interface FinishedRow {
  readonly end: "done" | "skipped" | "failed";
  readonly title: string;
  readonly outcome: string | undefined;
  /** Milliseconds. */
  readonly took: number;
}

export function finishedRow({ end, title, outcome = "", took }: FinishedRow, look: Look, columns: Columns): string {
  const time = end === "skipped" ? "" : durationText(took);
  const room = roomFor(columns, time);
  const shownTitle = fitted(title, room - 2);
  const left = room - 2 - widthOf(shownTitle) - 2;
  // A few letters of an outcome say nothing: better none.
  const shownOutcome = left < 8 ? "" : fitted(outcome, left);
  const sign = look.paint(end === "done" ? "green" : end === "failed" ? "red" : "dim", look.signs[end]);
  const text = end === "failed" ? look.paint("bold", shownTitle) : shownTitle;
  const gap = shownOutcome === "" ? "" : `  ${look.paint("dim", shownOutcome)}`;
  return aligned(`${sign} ${text}${gap}`, look.paint("dim", time), columns);
}

interface LiveFrame {
  readonly look: Look;
  readonly columns: number;
  /** Milliseconds. */
  readonly time: number;
  /** Counts up. */
  readonly frame: number;
}

export function liveRow(step: RunningStep, { look, columns, time, frame }: LiveFrame): string {
  const { spinner } = look.signs;
  const took = durationText(Math.max(100, time - step.started));
  const room = roomFor(columns, took) - 2;
  const progress = step.progress.line(look, room - titleColumn - 2);
  const title = fitted(step.title, progress === "" ? room : titleColumn);
  const left = room - widthOf(title) - 2;
  // Progress is padded, so that the bars stand below one another; a few letters of a child's line say nothing.
  const beside = progress === "" && left >= 12 ? look.paint("dim", fitted(step.said.trim(), left)) : progress;
  const gap = beside === "" ? "" : " ".repeat(progress === "" ? 2 : titleColumn - widthOf(title) + 2);
  const sign = look.paint("cyan", spinner[frame % spinner.length] ?? "");
  return aligned(`${sign} ${title}${gap}${beside}`, look.paint("dim", took), columns);
}

/** For a pipe: a step that takes long is still at work. */
export function heartbeatRow(step: RunningStep, look: Look, time: number): string {
  return [`${look.signs.running} ${step.title}`, step.progress.words(), durationText(time - step.started)]
    .filter(Boolean)
    .join("  ");
}

/** Columns left of the time and its gap. The last column stays free: some terminals wrap when it is written. */
function roomFor(columns: Columns, time: string): number {
  if (columns === undefined) return Number.POSITIVE_INFINITY;
  return Math.min(columns - 1, widest) - widthOf(time) - 2;
}

function aligned(left: string, right: string, columns: Columns): string {
  if (right === "") return left;
  const gap = columns === undefined ? 2 : Math.max(2, Math.min(columns - 1, widest) - widthOf(left) - widthOf(right));
  return `${left}${" ".repeat(gap)}${right}`;
}
