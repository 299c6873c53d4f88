// `kiln audit`: a whole store, from the first log entry to the last object. Believes only the pinned trust file.

import { readFile } from "node:fs/promises";
import { resolve } from "node:path";

import type { Trust } from "../artifact/trust.ts";
import { isSystemError, KilnError } from "../errors.ts";
import { type Checkpoint, logOf, openCheckpoint } from "../log/checkpoint.ts";
import { type Audit, audit as auditStore } from "../verify/audit/audit.ts";
import { exitOf } from "../verify/findings.ts";
import type { Command, Result } from "./command.ts";
import { loadConfiguration } from "./configuration.ts";
import { refusalText } from "./refusal-text.ts";
import { openTrustedStore } from "./store-access.ts";

export const audit: Command = {
  summary: "check a whole store: log, signatures, every object, every view",
  options: [
    {
      flags: "--since FILE",
      description: "a checkpoint that you kept: the log must continue it, and only newer releases' objects are read",
    },
  ],
  examples: ["kiln audit --store https://releases.example.com", "kiln audit --store ./store --since checkpoint.txt"],
  async run(input, context) {
    const { store, trust } = await openTrustedStore(await loadConfiguration(input, context), context);
    const { since } = input.options;
    const seen = typeof since === "string" ? await readSeen(resolve(context.cwd, since), trust) : undefined;
    return resultOf(await auditStore({ store, trust, since: seen, context }));
  },
};

async function readSeen(path: string, trust: Trust): Promise<Checkpoint> {
  try {
    return openCheckpoint(await readFile(path), logOf(trust));
  } catch (cause) {
    if (!isSystemError(cause, "ENOENT", "ENOTDIR", "EISDIR")) throw cause;
    throw new KilnError("USAGE", `--since ${path}: got no such file, want a checkpoint that was kept`, {
      hint: "keep one with: curl STORE/log/checkpoint > checkpoint.txt",
      cause,
    });
  }
}

function resultOf({ subject, verdict, findings, checkpoint, leaves, releases, refusals, objects }: Audit): Result {
  const lines = [
    `${verdict}: ${subject}`,
    `  log       ${leaves} entries, root ${checkpoint.root.toString("hex")}`,
    `  releases  ${releases}`,
    ...(objects === null ? [] : [`  objects   ${objects}`]),
    ...refusals.map(({ index, leaf }) => `  refused   ${refusalText(leaf)}, leaf ${index}`),
    ...findings.map(({ code, severity, message }) => `  ${severity}: ${message} [${code}]`),
  ];
  return {
    json: {
      subject,
      verdict,
      findings,
      leaves,
      root: checkpoint.root.toString("hex"),
      checkpoint: checkpoint.note,
      releases,
      objects,
      refusals: refusals.map(({ index, leaf: { name, version, manifest, gate, channel, got, wanted, time } }) => ({
        name,
        version,
        manifest,
        gate,
        channel,
        got,
        wanted,
        leaf: index,
        time,
      })),
    },
    text: lines.join("\n"),
    exit: exitOf[verdict],
  };
}
