// A gate: what a release must show before it is published, or before a channel may lead to it. The recipe says it, the manifest
// keeps it, so that whoever moves a channel later asks the same. Deciding is in publish; nothing here looks at a store.

import { z } from "zod";

import { channelSchema, nameSchema } from "./name.ts";

/** From the worst on. Scanners' own words are written as these (kinds/report). */
export const severities = ["critical", "high", "medium", "low"] as const;

const demandSchema = z.discriminatedUnion("sort", [
  z.strictObject({ sort: z.literal("check"), check: nameSchema }),
  z.strictObject({
    sort: z.literal("number"),
    /** The artifact of the kind `report` that has the number. */
    report: nameSchema,
    number: z.string().max(60),
    /** What it is held against: `least` it must reach, `most` it must not exceed. */
    bound: z.enum(["least", "most"]),
    /** A number, or that of the release which the channel shows when it is asked. */
    than: z.union([z.number(), z.strictObject({ channel: channelSchema, tolerance: z.number().nonnegative() })]),
  }),
  z.strictObject({
    sort: z.literal("severity"),
    report: nameSchema,
    /** Findings of this severity, or a worse one, are too much. */
    severity: z.enum(severities),
    /** Whether findings that have no severity are too much as well. */
    unknown: z.enum(["count", "ignore"]),
  }),
]);

export const gateSchema = z.strictObject({
  name: nameSchema,
  /** The channels whose moves ask it; absent: it is asked when the release is published. */
  for: z.array(channelSchema).min(1).optional(),
  demand: demandSchema,
});
