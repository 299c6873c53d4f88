// A program whose commands do what commands must not get wrong: take long, print much, break, hold secrets.

import { writeFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";

import type { Command } from "../../../src/commands/command.ts";
import { KilnError } from "../../../src/errors.ts";
import { runProgram } from "../../../src/program.ts";
import { inStep } from "../../../src/report.ts";

const simple = (run: Command["run"]): Command => ({ summary: "for a test", examples: ["odd"], run });

const commands: Record<string, Command> = {
  wait: simple((_, { report, signal }) =>
    inStep(report, "wait", async () => {
      report.note("waiting");
      await setTimeout(60_000, undefined, { signal });
      return { json: {}, text: "" };
    }),
  ),
  deaf: simple(async (_, { report }) => {
    report.note("waiting");
    await setTimeout(60_000);
    return { json: {}, text: "" };
  }),
  much: simple(() =>
    Promise.resolve({ json: { much: "x".repeat(3_000_000) }, text: "line\n".repeat(600_000).trimEnd() }),
  ),
  refuse: simple(() => Promise.resolve({ json: { verdict: "refused" }, text: "refused", exit: 3 })),
  bug: simple(() => Promise.reject(new TypeError("x is not a function"))),
  later: simple(async () => {
    void setTimeout(10).then(() => {
      throw new Error("nobody awaited this");
    });
    await setTimeout(5000);
    return { json: {}, text: "" };
  }),
  secret: simple((_, { report }) => {
    report.redact("correct-horse\nbattery-staple");
    report.note("the note says battery-staple");
    return inStep(report, "step with correct-horse", (step) => {
      step.output("the output says correct-horse");
      throw new KilnError("STEP_FAILED", "the message says correct-horse", {
        hint: "the hint says battery-staple",
        details: { all: "correct-horse", list: ["battery-staple"] },
        cause: new Error("the cause says correct-horse"),
      });
    });
  }),
  write: simple(async () => {
    await writeFile("/dev/full", "x");
    return { json: {}, text: "" };
  }),
  forbidden: simple(async () => {
    await writeFile("/proc/sys/kernel/ostype", "x");
    return { json: {}, text: "" };
  }),
  lines: simple(() =>
    Promise.reject(
      new KilnError("RECIPE_INVALID", "kiln.yaml: got two errors\n\u001b[31mfirst\nsecond", { hint: "mend them" }),
    ),
  ),
};

process.exitCode = await runProgram(
  {
    name: "odd",
    purpose: "Does odd things.",
    groups: [
      {
        title: "All",
        commands: Object.entries(commands).map(([name, command]) => ({
          name,
          summary: command.summary,
          load: () => Promise.resolve(command),
        })),
      },
    ],
    examples: [],
  },
  process.argv.slice(2),
);
