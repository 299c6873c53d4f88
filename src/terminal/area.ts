// The lines on the screen. Finished ones scroll up and stay; those of running steps are redrawn in place below them.
// The cursor is hidden only while there are such lines, and every way out (end, error, signal, exit) shows it again.
// In a pipe or a file there is nothing to redraw: there a step that takes long says so from time to time.

import type { Look } from "./look.ts";
import { type Columns, heartbeatRow, liveRow, type RunningStep } from "./rows.ts";

export interface Area {
  readonly columns: () => Columns;
  /** Prints a line that stays, above the running steps. */
  print(line: string): void;
  /** There is a running step to show from now on. */
  wake(): void;
  /** Leaves the screen as a program finds it. May be called twice. */
  close(): void;
}

interface AreaOptions {
  readonly stream: NodeJS.WriteStream;
  readonly running: ReadonlySet<RunningStep>;
  readonly look: Look;
  /** Milliseconds, monotonic. */
  readonly clock: () => number;
}

const frameTime = 80;
const heartbeatTime = 30_000;

const up = (lines: number): string => (lines > 0 ? `\u001b[${lines}A` : "");
const clearBelow = "\r\u001b[J";
const hideCursor = "\u001b[?25l";
const showCursor = "\u001b[?25h";

/** For a terminal that can move its cursor. */
export function openLiveArea({ stream, running, look, clock }: AreaOptions): Area {
  let drawn = 0;
  let frame = 0;
  let timer: NodeJS.Timeout | undefined;

  const columns = (): number => (stream.columns > 0 ? stream.columns : 80);
  const erase = (): string => (drawn > 0 ? up(drawn - 1) + clearBelow : "");
  const draw = (before: string): void => {
    const lines = liveLines({ running, look, columns: columns(), rows: stream.rows, time: clock(), frame: frame++ });
    // One write for erasing and drawing, so that nothing flickers.
    stream.write(erase() + before + (lines.length > 0 ? hideCursor + lines.join("\n") : showCursor));
    drawn = lines.length;
    if (drawn === 0) sleep();
  };
  const sleep = (): void => {
    clearInterval(timer);
    timer = undefined;
    process.off("exit", close);
  };
  const close = (): void => {
    if (timer === undefined) return;
    stream.write(erase() + showCursor);
    drawn = 0;
    sleep();
  };

  return {
    columns,
    print(line) {
      if (timer === undefined) stream.write(`${line}\n`);
      else draw(`${line}\n`);
    },
    wake() {
      if (timer !== undefined) return;
      process.once("exit", close);
      // Unreferenced: the list never keeps the program alive.
      timer = setInterval(() => draw(""), frameTime).unref();
    },
    close,
  };
}

/** For a pipe, a file, or a terminal without a cursor. */
export function openPlainArea({ stream, running, look, clock }: AreaOptions): Area {
  let timer: NodeJS.Timeout | undefined;
  const beat = (): void => {
    const time = clock();
    const long = [...running].filter((step) => time - step.started >= heartbeatTime * 0.9);
    for (const step of long) stream.write(`${heartbeatRow(step, look, time)}\n`);
  };
  return {
    columns: () => undefined,
    print: (line) => void stream.write(`${line}\n`),
    wake() {
      timer ??= setInterval(beat, heartbeatTime).unref();
    },
    close() {
      clearInterval(timer);
      timer = undefined;
    },
  };
}

interface LiveLines {
  readonly running: ReadonlySet<RunningStep>;
  readonly look: Look;
  readonly columns: number;
  readonly rows: number;
  readonly time: number;
  readonly frame: number;
}

/** As many rows as the screen holds: what has scrolled away can't be redrawn. */
function liveLines({ running, rows, ...frame }: LiveLines): string[] {
  const most = Math.max(1, (rows > 0 ? rows : 24) - 2);
  const shown = [...running].slice(0, running.size > most ? most - 1 : most);
  const lines = shown.map((step) => liveRow(step, frame));
  const hidden = running.size - shown.length;
  return hidden > 0 ? [...lines, frame.look.paint("dim", `${frame.look.signs.running} and ${hidden} more`)] : lines;
}
