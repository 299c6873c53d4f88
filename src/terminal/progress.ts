// How far a step has come, how fast it is, and when it will be done: what the live line shows at its right.

import type { Look } from "./look.ts";
import { bytesOfText, bytesText, remainingText } from "./measure.ts";

export interface Progress {
  note(sample: Sample): void;
  /** `━━━━━━╸━━━  54%  1.1 of 2.0 GiB  650.2 MiB/s  2 s left`; empty before the first sample. */
  line(look: Look, bar: "with bar" | "without bar"): string;
}

interface Sample {
  /** Milliseconds, monotonic. */
  readonly time: number;
  readonly done: number;
  readonly total: number | undefined;
  readonly unit: "bytes" | "items";
}

/** Speed is that of the last few seconds: a step that stalls shows it. */
const window = 4000;
const barWidth = 24;

export function createProgress(): Progress {
  let samples: Sample[] = [];
  return {
    note(sample) {
      const previous = samples.at(-1);
      // Going back means that another file has begun: its speed has nothing to do with the one before.
      if (previous !== undefined && (sample.done < previous.done || sample.unit !== previous.unit)) samples = [];
      // Thinned to ten a second, because work may report every chunk.
      if (samples.length > 1 && sample.time - (samples.at(-2)?.time ?? 0) < 100) samples.pop();
      samples.push(sample);
      const oldest = sample.time - window;
      while (samples.length > 2 && (samples[1]?.time ?? 0) < oldest) samples.shift();
    },
    line(look, bar) {
      const latest = samples.at(-1);
      if (latest === undefined) return "";
      const share = shareOf(latest);
      const parts = [amountText(latest), ...speedTexts(samples, latest)].map((text) => look.paint("dim", text));
      if (share !== undefined) parts.unshift(`${Math.floor(share * 100)}%`.padStart(4));
      if (share !== undefined && bar === "with bar") parts.unshift(barText(share, look));
      return parts.join("  ");
    },
  };
}

function shareOf({ done, total }: Sample): number | undefined {
  return total === undefined || total <= 0 ? undefined : Math.min(1, Math.max(0, done / total));
}

function amountText({ done, total, unit }: Sample): string {
  if (unit === "bytes") return total === undefined ? bytesText(done) : bytesOfText(done, total);
  return total === undefined ? String(done) : `${done} of ${total}`;
}

function speedTexts(samples: readonly Sample[], latest: Sample): string[] {
  const first = samples[0] ?? latest;
  const elapsed = latest.time - first.time;
  const speed = (latest.done - first.done) / elapsed;
  // A guess from less than a second is no guess.
  if (elapsed < 1000 || speed <= 0) return [];
  const rate = latest.unit === "bytes" ? [`${bytesText(Math.round(speed * 1000))}/s`] : [];
  const left = latest.total === undefined ? 0 : latest.total - latest.done;
  return left > 0 ? [...rate, remainingText(left / speed)] : rate;
}

function barText(share: number, look: Look): string {
  const [full, edge, rest] = look.signs.bar;
  const filled = share * barWidth;
  const whole = Math.floor(filled);
  const half = whole < barWidth && filled - whole >= 0.5 ? edge : "";
  const done = full.repeat(whole) + half;
  return look.paint("cyan", done) + look.paint("dim", rest.repeat(barWidth - whole - half.length));
}
