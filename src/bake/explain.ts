// Why a bake is or isn't cached: the plan is compared with that of the last bake of the same name, and each input that
// differs is named with what it was and what it is. The last plan is kept in .kiln with the list of packages behind its
// digest, so that "the packages of the machine changed" can say which.

import { readFileSync } from "node:fs";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { z } from "zod";

import { isSystemError } from "../errors.ts";
import type { BakeOrder } from "./order.ts";
import { type Plan, planSchema } from "./plan.ts";
import type { KilnFolder } from "./workspace.ts";

export interface Change {
  /** `tools.node.version`, `packages.gcc-12`, `source.commit` … */
  readonly input: string;
  /** Null: there was, or is, no such input. */
  readonly before: string | null;
  readonly now: string | null;
}

const lastSchema = z.strictObject({ plan: planSchema, packages: z.record(z.string(), z.string()) });
type Last = z.infer<typeof lastSchema>;

/** What changed since the last bake of this name, in the plan's order; undefined when there was none here. */
export function changesSinceLast(order: BakeOrder, folder: KilnFolder): Change[] | undefined {
  const last = readLast(fileOf(order.plan, folder));
  return last === undefined ? undefined : changesOf(last, { plan: order.plan, packages: order.machine.packages });
}

/** Remembers this order as the last one of its name. */
export async function rememberPlan({ plan, machine }: BakeOrder, folder: KilnFolder): Promise<void> {
  const file = fileOf(plan, folder);
  await mkdir(join(folder.path, "plans"), { recursive: true });
  await writeFile(`${file}.new`, JSON.stringify({ plan, packages: machine.packages }));
  await rename(`${file}.new`, file);
}

/** Pure; for tests and for the above. */
export function changesOf(before: Last, now: Last): Change[] {
  const [old, fresh] = [flatten(before), flatten(now)];
  const inputs = [...new Set([...fresh.keys(), ...old.keys()])];
  return inputs.flatMap((input) => {
    const change = { input, before: old.get(input) ?? null, now: fresh.get(input) ?? null };
    return change.before === change.now ? [] : [change];
  });
}

/** Each scalar under its path. A digest of packages is left out: they stand here themselves. */
function flatten({ plan, packages }: Last): Map<string, string> {
  const found = new Map<string, string>();
  const visit = (value: unknown, path: string): void => {
    if (value === null) return;
    if (typeof value !== "object") return void found.set(path, String(value));
    for (const [key, inner] of Object.entries(value)) visit(inner, path === "" ? key : `${path}.${key}`);
  };
  const { system, base, ...others } = plan;
  const named = base === undefined ? undefined : Object.keys(packages).length === 0 ? base : { title: base.title };
  const os = system === undefined ? undefined : { os: system.os, ...(system.local && { local: system.local }) };
  visit({ ...others, ...(os && { system: os }), ...(named && { base: named }) }, "");
  visit(packages, base === undefined ? "packages" : "base.packages");
  return found;
}

function fileOf({ name, cell = {} }: Plan, { path }: KilnFolder): string {
  return join(path, "plans", `${[name, ...Object.values(cell)].join("-")}.json`);
}

function readLast(file: string): Last | undefined {
  try {
    return lastSchema.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch (error) {
    // Written by another version of Kiln, or cut off: then there is nothing to compare with.
    if (isSystemError(error, "ENOENT") || error instanceof SyntaxError || error instanceof z.ZodError) return undefined;
    throw error;
  }
}
