// No sandbox: the same environment, umask, clock and limits, and nothing more. A step sees the whole machine and its network.
// What it leaves running is ended with it, unless it cleared its environment.
// For machines that can't have namespaces; the plan and the provenance say so.

import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";

import { KilnError } from "../errors.ts";
import { endAllWith } from "./leftovers.ts";
import { runLimited } from "./limits.ts";
import { killGroup } from "./process.ts";
import { environmentOf, underUmask } from "./sandbox-environment.ts";
import { npmScripts } from "./sandbox-tools.ts";
import type { Sandbox, SandboxOptions, Secret } from "./sandbox.ts";
import { systemPath } from "./tools.ts";

/** Tells the processes of one run from all others. */
const mark = "KILN_RUN";
let runs = 0;

export function openUnisolated(options: SandboxOptions): Sandbox {
  const { workspace } = options;
  const programs = join(dirname(workspace.home), "programs");
  makePrograms(programs, options);
  return sandboxOf(options, programs);
}

function sandboxOf(options: SandboxOptions, programs: string): Sandbox {
  const { workspace } = options;
  return {
    inside: (path) => path,
    withStage: (stage) => sandboxOf({ ...options, workspace: { ...workspace, stage } }, programs),
    run: async (run) => {
      const [place] = Object.keys(run.places ?? {});
      if (place !== undefined) throw notHere(place);
      const id = `${process.pid}-${(runs += 1)}`;
      const secrets = writeSecrets(dirname(workspace.home), run.secrets ?? []);
      try {
        return await runLimited(underUmask(options.conditions.umask, run.argv), {
          limits: options.limits,
          folder: dirname(workspace.temporary),
          onExit: (pid) => {
            killGroup(pid);
            endAllWith(`${mark}=${id}`);
          },
          cwd: run.as === "packer" ? workspace.stage : workspace.source,
          env: {
            [mark]: id,
            ...environmentOf(options, run, {
              home: workspace.home,
              temporary: workspace.temporary,
              path: `${programs}${delimiter}${systemPath}`,
              secrets,
              certificates: options.tools.certificates,
            }),
          },
          signal: options.signal,
          onOutput: run.onOutput,
        });
      } finally {
        if (secrets !== undefined) rmSync(secrets, { recursive: true });
      }
    },
  };
}

/** The machine's own folders are no place for what is only being made. */
function notHere(place: string): KilnError {
  return new KilnError("SANDBOX_FAILED", `got isolation none, want the sandbox: this is made at ${place}`, {
    hint: "bake without --isolation none",
  });
}

function makePrograms(folder: string, { tools }: SandboxOptions): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  symlinkSync(tools.node, join(folder, "node"));
  const scripts = tools.npm === undefined ? {} : npmScripts(tools.npm.folder, tools.node, tools.npm.libraries);
  for (const [name, text] of Object.entries(scripts)) {
    writeFileSync(join(folder, name), text);
    chmodSync(join(folder, name), 0o755);
  }
}

/** Without a mount of its own, a secret is a file on disk for as long as its step runs. */
function writeSecrets(above: string, secrets: readonly Secret[]): string | undefined {
  if (secrets.length === 0) return undefined;
  // Of mode 0700, and of this run alone: others may run beside it.
  const folder = mkdtempSync(join(above, "secrets-"));
  for (const { name, value } of secrets) writeFileSync(join(folder, name), value, { mode: 0o400, flag: "wx" });
  return folder;
}
