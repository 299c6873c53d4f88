// What a step may take. Limits decide no byte of an artifact: a step that stays within them is the same step.

import { z } from "zod";

const factors = { k: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 } as const;
const times = { s: 1000, m: 60_000, h: 3_600_000 } as const;

const amount = (form: RegExp, factorOf: Readonly<Record<string, number>>, want: string) =>
  z
    .string()
    .regex(form, want)
    .transform((text) => Number(text.slice(0, -1)) * (factorOf[text.slice(-1)] ?? 1));

const size = amount(/^[1-9][0-9]{0,5}[kMGT]$/, factors, "a size: 500M, 20G");
const duration = amount(/^[1-9][0-9]{0,5}[smh]$/, times, "a time: 90s, 30m, 2h");

export const limitsSchema = z.strictObject({
  time: duration.prefault("1h").describe("How long a step may take: `90s`, `30m`, `2h`."),
  output: size.prefault("50M").describe("How much a step may print: `500k`, `50M`, `1G`."),
  disk: size.prefault("20G").describe("How large the workspace may grow: the source and all that steps write."),
  processes: z.int().min(10).max(1_000_000).default(2000).describe("How many processes a step may have at once."),
  memory: size
    .optional()
    .describe("How much memory all processes of a step may have together; the machine's when left out."),
});
