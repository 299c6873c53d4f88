// The sandbox: what it adds to a command, and how long a base that was made before takes until a command can run in it.

import { mkdir, mkdtemp, readFile } from "node:fs/promises";
import { join } from "node:path";

import { activators } from "../../src/activators/index.ts";
import { pin } from "../../src/bake/pin.ts";
import { resolveBase } from "../../src/bases/index.ts";
import { readyBase } from "../../src/bases/ready.ts";
import type { Context } from "../../src/context.ts";
import { kinds } from "../../src/kinds/index.ts";
import { parseRecipe } from "../../src/recipe/parse.ts";
import { recipeSchema } from "../../src/recipe/schema.ts";
import { silent } from "../../src/report.ts";
import { runProgram } from "../../src/system/process.ts";
import { openSandbox } from "../../src/system/sandbox-open.ts";
import { findSandboxTools, toolsFor } from "../../src/system/sandbox-tools.ts";
import type { Sandbox, SandboxBase } from "../../src/system/sandbox.ts";
import { commitProject } from "./project.ts";
import type { Row } from "./row.ts";

const argv = ["/bin/sh", "-c", ":"] as const;
const limits = { time: 60_000, output: 1e6, disk: 1e9, processes: 1000 };

export const sandbox: Row = {
  name: "sandbox",
  async run({ folder }) {
    const opened = await open(folder, undefined);
    const bare = () => runProgram(argv, { cwd: folder, env: { PATH: "/usr/bin:/bin" } });
    const inside = () => opened.run({ argv, as: "step", network: "closed" });
    const values: number[] = [];
    for (let turn = 0; turn <= 30; turn++) {
      const difference = (await timeOf(inside)) - (await timeOf(bare));
      if (turn > 0) values.push(difference);
    }
    const what = "sandbox: start and end of a command, over the bare command";
    return [{ what, bar: { sense: "≤", limit: 60, unit: "ms" }, values, detail: "`sh -c :`" }];
  },
};

const recipe = `kiln: 1
name: app
version: { from: static, value: "1.0.0" }
base: { suite: bookworm }
artifacts: { app: { kind: archive, from: . } }
`;

export const base: Row = {
  name: "base",
  async run({ folder, program }) {
    const file = join(folder, "kiln.yaml");
    await commitProject(folder, program, { "kiln.yaml": recipe });
    const env = { ...program.env, XDG_CACHE_HOME: join(folder, "cache") };
    const context: Context = {
      now: () => Date.now(),
      signal: new AbortController().signal,
      report: silent,
      env,
      cwd: folder,
    };
    const settings = { mirrors: {} };
    const schema = recipeSchema({ kinds, activators });
    await pin({ recipe: "kiln.yaml", schema, bases: settings }, context);
    const { base: spec } = parseRecipe(Buffer.from(recipe), { path: file, schema });
    const read = (path: string) => readFile(join(folder, path));
    const ready = async () => {
      const resolved = await resolveBase(spec, { read, recipe: "kiln.yaml", programs: [], folder });
      if (resolved === undefined) throw new Error("got no base");
      await open(folder, await readyBase(resolved, settings, context));
    };
    const cold = await timeOf(ready);
    const values: number[] = [];
    while (values.length < 15) values.push(await timeOf(ready));
    const what = "a base that was made before, from the lock file to a first command in it";
    const detail = `made in ${(cold / 1000).toFixed(1)} s`;
    return [{ what, bar: { sense: "≤", limit: 1000, unit: "ms" }, values, detail }];
  },
};

async function open(folder: string, shown: SandboxBase | undefined): Promise<Sandbox> {
  const root = await mkdtemp(join(folder, "work-"));
  const at = (name: string): string => join(root, name);
  const workspace = { source: at("source"), home: at("home"), temporary: at("tmp"), stage: at("stage") };
  for (const path of Object.values(workspace)) await mkdir(path);
  const tools = findSandboxTools({ node: process.execPath, path: process.env["PATH"] ?? "" });
  return await openSandbox({
    isolation: "bubblewrap",
    workspace,
    conditions: { folder: "/build", umask: 0o022, timeZone: "UTC", clock: 1_600_000_000 },
    base: shown,
    tools: shown === undefined ? tools : toolsFor(tools, shown.root),
    env: {},
    networkEnv: {},
    limits,
    now: Date.now(),
  });
}

async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
