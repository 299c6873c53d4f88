// A project in a real repository, baked in this process: no network, a build of shell commands.

import { join } from "node:path";

import { activators } from "../../src/activators/index.ts";
import { bakeAll } from "../../src/bake/bake-all.ts";
import type { BakeOptions, BakeResult } from "../../src/bake/bake.ts";
import { type Prepared, type PrepareOptions, withPrepared } from "../../src/bake/prepare.ts";
import type { Context } from "../../src/context.ts";
import { kinds } from "../../src/kinds/index.ts";
import { recipeSchema } from "../../src/recipe/schema.ts";
import type { Reporter } from "../../src/report.ts";
import { makeRepository, type MadeRepository } from "../system/made-repository.ts";

export interface Project {
  readonly repository: MadeRepository;
  /** Everything that was reported. */
  readonly reported: string[];
  readonly kilnFolder: string;
  readonly context: Context;
  prepare<T>(
    options: Partial<PrepareOptions>,
    work: (prepared: Prepared, context: Context) => Promise<T>,
    around?: Partial<Context>,
  ): Promise<T>;
  bake(options?: Partial<PrepareOptions & Pick<BakeOptions, "check">>): Promise<BakeResult>;
}

export interface ProjectOptions {
  /** YAML; the header is put before it. */
  readonly recipe: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  readonly folder?: string;
}

export const header = `kiln: 1\nname: sample\nversion: { from: static, value: 1.2.3 }\n`;

export function makeProject({ recipe, files = {}, env = {}, signal, folder = "project" }: ProjectOptions): Project {
  const repository = makeRepository(folder);
  repository.commit({ "kiln.yaml": header + recipe, ...files });
  const reported: string[] = [];
  const context: Context = {
    now: () => Date.now(),
    signal: signal ?? new AbortController().signal,
    report: collector(reported),
    env: { PATH: process.env["PATH"], HOME: "/nonexistent", ...env },
    cwd: repository.folder,
  };
  const project: Project = {
    repository,
    reported,
    kilnFolder: join(repository.folder, ".kiln"),
    context,
    prepare: (options, work, around = {}) =>
      withPrepared(
        {
          changes: "refuse",
          schema: recipeSchema({ kinds, activators }),
          isolation: "bubblewrap",
          node: { path: process.execPath, versions: process.versions },
          bases: { mirrors: {} },
          kiln: "0.0.0-test",
          store: undefined,
          ...options,
        },
        { ...context, ...around },
        (prepared) => work(prepared, context),
      ),
    bake: ({ check = "once", ...options } = {}) =>
      project.prepare(options, async (prepared, own) => {
        if ("released" in prepared) throw new Error("released before");
        return await bakeAll(prepared.orders, { folder: prepared.folder, check }, own);
      }),
  };
  return project;
}

function collector(lines: string[]): Reporter {
  const say = (line: string) => void lines.push(line);
  return {
    step: (title) => {
      say(title);
      return { progress() {}, output: say, end: (outcome) => say(outcome ?? ""), skip: say, fail: () => say("failed") };
    },
    note: say,

    redact() {},
  };
}
