// Kiln as a user has it: built, packed by `npm pack`, and the tarball laid out as `npm install` does it. Not by npm itself,
// which would ask a registry: the tarball is unpacked into node_modules, the dependencies are links to the checkout's.

import { execFile } from "node:child_process";
import { mkdir, readFile, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

import type { Run } from "./measure.ts";

const root = join(import.meta.dirname, "../..");
const execute = promisify(execFile);

export interface Program {
  /** The installed package's folder. */
  readonly root: string;
  /** The environment of everything that is measured: nothing of the user's own. */
  readonly env: Readonly<Record<string, string>>;
  /** `kiln ARGS`, started by the link that npm puts into .bin. */
  kiln(args: readonly string[], options?: Omit<Run, "argv" | "env">): Run;
  kilnDeploy(args: readonly string[], options?: Omit<Run, "argv" | "env">): Run;
  /** `node -e 0`: what no Node program can be quicker than. */
  readonly bareNode: Run;
}

/** Builds Kiln and installs it below `folder`. */
export async function installProgram(folder: string): Promise<Program> {
  const modules = join(folder, "node_modules");
  const home = join(folder, "home");
  const installed = join(modules, "kiln");
  await execute(process.execPath, [join(root, "tools/build.ts")]);
  for (const made of [installed, join(modules, ".bin"), home]) await mkdir(made, { recursive: true });
  await execute("tar", ["-xzf", await pack(folder), "--strip-components=1", "-C", installed]);
  const manifest = JSON.parse(await readFile(join(installed, "package.json"), "utf8")) as Package;
  for (const name of Object.keys(manifest.dependencies)) {
    await mkdir(dirname(join(modules, name)), { recursive: true });
    await symlink(join(root, "node_modules", name), join(modules, name));
  }
  for (const [name, path] of Object.entries(manifest.bin)) {
    await symlink(join("../kiln", path), join(modules, ".bin", name));
  }
  const env = {
    HOME: home,
    LANG: "C.UTF-8",
    PATH: `${dirname(process.execPath)}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
    KILN_PASSPHRASE: "only for the bench",
  };
  const started =
    (name: string) =>
    (args: readonly string[], options = {}): Run => ({ ...options, argv: [join(modules, ".bin", name), ...args], env });
  return {
    root: installed,
    env,
    kiln: started("kiln"),
    kilnDeploy: started("kiln-deploy"),
    bareNode: { argv: [process.execPath, "-e", "0"], env },
  };
}

interface Package {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly bin: Readonly<Record<string, string>>;
}

/** Path of the tarball. */
async function pack(folder: string): Promise<string> {
  const args = ["pack", "--ignore-scripts", "--json", "--pack-destination", folder];
  const npm = process.env["npm_execpath"];
  const [program, ...before] = npm === undefined ? ["npm"] : [process.execPath, npm];
  const { stdout } = await execute(program ?? "npm", [...before, ...args], { cwd: root });
  const [packed] = JSON.parse(stdout) as [{ readonly filename: string }];
  return join(folder, packed.filename);
}
