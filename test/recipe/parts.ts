// Kinds and activators of their own, so that these tests say nothing of the real ones.

import { z } from "zod";

export const parts = {
  kinds: [
    {
      name: "archive",
      summary: "a folder",
      schema: z.strictObject({ kind: z.literal("archive"), from: z.string().describe("What to pack.") }),
    },
    {
      name: "wrapper",
      summary: "a wrapper",
      schema: z.strictObject({ kind: z.literal("wrapper"), level: z.int().max(9).default(3).describe("How thick.") }),
    },
    {
      name: "report",
      summary: "a report",
      schema: z.strictObject({ kind: z.literal("report"), from: z.string().describe("What to keep.") }),
    },
  ],
  activators: [
    {
      name: "folder",
      kinds: ["archive"],
      specification: z.strictObject({
        with: z.literal("folder"),
        start: z.array(z.string()).optional().describe("What to run."),
      }),
    },
  ],
} as const;
