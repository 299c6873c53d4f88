// How far a step has come, how fast it is, and when it will be done: what the live line shows at its right.

import type { Look } from "./look.ts";
import { bytesOfText, bytesText, rateText, remainingText } from "./measure.ts";
import { widthOf } from "./printable.ts";

export interface Progress {
  note(sample: Sample): void;
  /** `━━━━━━╸━━━   54%  1.1 of 2.0 GiB  650 MiB/s  2 s left`, or what of it fits into `room` columns. */
  line(look: Look, room: number): string;
  /** The same in a few words, without a bar. */
  words(): string;
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
const barWidth = 16;

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
    line(look, room) {
      const latest = samples.at(-1);
      if (latest === undefined) return "";
      const parts = partsOf(samples, latest);
      const painted = { ...parts, bar: parts.share === undefined ? undefined : barText(parts.share, look) };
      const shown = order.filter((part) => painted[part] !== undefined);
      const text = (): string =>
        shown.map((part) => (plain.has(part) ? painted[part] : look.paint("dim", painted[part] ?? ""))).join("  ");
      for (const part of dispensable) {
        if (widthOf(text()) <= room) return text();
        if (shown.includes(part)) shown.splice(shown.indexOf(part), 1);
      }
      return "";
    },
    words() {
      const latest = samples.at(-1);
      if (latest === undefined) return "";
      const { percent, amount, rate, left } = partsOf(samples, latest);
      return [percent?.trim(), amount, rate, left].filter((part) => part !== undefined).join("  ");
    },
  };
}

type Part = "bar" | "percent" | "amount" | "rate" | "left";

const order: readonly Part[] = ["bar", "percent", "amount", "rate", "left"];
/** What is left out first on a narrow terminal. */
const dispensable: readonly Part[] = ["rate", "amount", "left", "bar", "percent"];
const plain: ReadonlySet<Part> = new Set(["bar", "percent"]);

interface Parts extends Partial<Record<Part, string | undefined>> {
  /** 0 to 1. */
  readonly share: number | undefined;
}

function partsOf(samples: readonly Sample[], latest: Sample): Parts {
  const share = shareOf(latest);
  const percent = share === undefined ? undefined : `${Math.floor(share * 100)}%`.padStart(4);
  return { share, percent, amount: amountText(latest), ...speedOf(samples, latest) };
}

function shareOf({ done, total }: Sample): number | undefined {
  return total === undefined || total <= 0 ? undefined : Math.min(1, Math.max(0, done / total));
}

function amountText({ done, total, unit }: Sample): string {
  if (unit === "bytes") return total === undefined ? bytesText(done) : bytesOfText(done, total);
  return total === undefined ? String(done) : `${done} of ${total}`;
}

function speedOf(samples: readonly Sample[], latest: Sample): Pick<Parts, "rate" | "left"> {
  const first = samples[0] ?? latest;
  const elapsed = latest.time - first.time;
  const speed = (latest.done - first.done) / elapsed;
  // A guess from less than a second is no guess.
  if (elapsed < 1000 || speed <= 0) return {};
  const missing = latest.total === undefined ? 0 : latest.total - latest.done;
  return {
    rate: latest.unit === "bytes" ? rateText(speed * 1000) : undefined,
    left: missing > 0 ? remainingText(missing / speed) : undefined,
  };
}

function barText(share: number, look: Look): string {
  const [full, edge, rest] = look.signs.bar;
  const filled = share * barWidth;
  const whole = Math.floor(filled);
  const half = whole < barWidth && filled - whole >= 0.5 ? edge : "";
  const done = full.repeat(whole) + half;
  return look.paint("cyan", done) + look.paint("dim", rest.repeat(barWidth - whole - half.length));
}
