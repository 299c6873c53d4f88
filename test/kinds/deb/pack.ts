// Packs a .deb outside of any bake: the kind alone, with the packers run as they are on this machine.

import { execFileSync } from "node:child_process";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { KilnError } from "../../../src/errors.ts";
import { deb } from "../../../src/kinds/deb/deb.ts";
import type { Packed, PackJob } from "../../../src/kinds/kind.ts";

export interface PackOptions {
  /** An existing folder for everything of this package; its `source` is what is packed from. */
  readonly folder: string;
  readonly version?: string;
  readonly suite?: string;
}

export interface PackedDeb extends Packed {
  readonly path: string;
}

/** The recipe's entry without its `kind`. Throws a ZodError for what a recipe can't say, else what packing throws. */
export async function packDeb(entry: Readonly<Record<string, unknown>>, options: PackOptions): Promise<PackedDeb> {
  const { folder, version = "1.0.0", suite = "bookworm" } = options;
  const spec = deb.schema.parse({ kind: "deb", ...entry });
  const [stage, out] = [join(folder, "stage"), join(folder, "out")];
  for (const made of [stage, out]) mkdirSync(made);
  const job: PackJob = {
    artifact: "app",
    release: { name: "sample", version },
    lossy: false,
    source: join(folder, "source"),
    artifacts: [],
    packed: new Map(),
    stage,
    out,
    time: 1_700_000_000,
    suite,
    sandbox: { inside: (path) => path, run: unused, withStage: unused },
    runPacker: ([program, ...args]) => Promise.resolve(run(program, args, stage)),
    take: (file) => renameSync(join(stage, file), join(out, file)),
    onProgress: () => {},
    signal: new AbortController().signal,
  };
  const packed = await deb.pack(spec, job);
  return { ...packed, path: join(out, packed.file) };
}

function unused(): never {
  throw new TypeError("packing a .deb doesn't ask for this");
}

function run(program: string, args: readonly string[], cwd: string): string {
  try {
    return execFileSync(program, args, {
      cwd,
      encoding: "utf8",
      stdio: "pipe",
      env: { ...process.env, SOURCE_DATE_EPOCH: "1700000000" },
    });
  } catch (error) {
    const { status = null, stderr = "" } = error as { status?: number | null; stderr?: string };
    throw new KilnError("STEP_FAILED", `${program}: got status ${status}`, {
      hint: stderr,
      details: { status, lastLines: stderr.trim().split("\n") },
      cause: error,
    });
  }
}

export function writeFiles(folder: string, files: Readonly<Record<string, string | Uint8Array>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
}

/** A control file as dpkg-deb shows it. */
export function controlFile(path: string, name: string): string {
  return execFileSync("dpkg-deb", ["--info", path, name], { encoding: "utf8", stdio: "pipe" });
}

/** Type, mode, owner and path, as `dpkg-deb --contents` has them. */
export function contentsOf(path: string): Record<string, string> {
  const lines = execFileSync("dpkg-deb", ["--contents", path], { encoding: "utf8", stdio: "pipe" }).trim().split("\n");
  return Object.fromEntries(
    lines.map((line) => {
      const [mode = "", owner = ""] = line.split(/ +/);
      return [line.replace(/^.*?\d\d:\d\d /, ""), `${mode} ${owner}`];
    }),
  );
}
