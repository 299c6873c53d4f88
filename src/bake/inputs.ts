// What a bake takes from the machine, resolved to versions and digests: Node, npm, the packers, the compressor, and all
// packages that are installed. Nothing here runs a program, so that a cached bake is quick.

import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, realpathSync, renameSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

import { z } from "zod";

import { type Digest, digestOf, digestSchema } from "../artifact/digest.ts";
import type { ResolvedBase } from "../bases/base.ts";
import { isSystemError } from "../errors.ts";
import { kindOf } from "../kinds/index.ts";
import { debianName } from "../system/architecture.ts";
import { installedPackages, systemName } from "../system/packages.ts";
import { findSandboxTools, type SandboxTools } from "../system/sandbox-tools.ts";
import type { Isolation } from "../system/sandbox.ts";
import { findProgram, packageOf, systemPath, toolMissing } from "../system/tools.ts";
import type { Plan, Tool } from "./plan.ts";

export interface MachineOptions {
  readonly isolation: Isolation;
  /** Names of the kinds that are baked. */
  readonly kinds: readonly string[];
  readonly node: NodeProgram;
  /** The host's PATH. */
  readonly path: string;
  /** What steps and packers run in, if it isn't the machine's own system. */
  readonly base: ResolvedBase | undefined;
  /** `/usr/local`, but for tests. */
  readonly local?: string;
  /** Folder for remembered digests, absolute; it needn't be there. */
  readonly memory: string;
}

/** The Node that runs Kiln. */
export interface NodeProgram {
  readonly path: string;
  /** `process.versions`. */
  readonly versions: Readonly<Record<string, string | undefined>>;
}

export interface Machine {
  readonly tools: Plan["tools"];
  /** Undefined with a base. */
  readonly system: Plan["system"];
  /** Every package's version, of which `system.packages` or the base's digest is one: of the system that steps see. */
  readonly packages: Readonly<Record<string, string>>;
  readonly sandboxTools: SandboxTools;
}

/** The programs of the system that packers of these kinds run: npm aside, which is always Kiln's. */
function programsOf(kinds: readonly string[]): string[] {
  return [...new Set(kinds.flatMap((kind) => kindOf(kind).programs))].filter((program) => program !== "npm");
}

/** The programs that a base must have for these kinds. */
export function programsInBase(kinds: readonly string[]): string[] {
  return [...new Set([...programsOf(kinds), ...kinds.flatMap((kind) => kindOf(kind).mayRun ?? [])])];
}

/** Throws TOOL_MISSING when a kind's program isn't there. */
export function lookAtMachine(options: MachineOptions): Machine {
  const sandboxTools = findSandboxTools({ node: options.node.path, path: options.path });
  if (sandboxTools.npm === undefined && options.kinds.some((kind) => kindOf(kind).programs.includes("npm"))) {
    throw toolMissing("npm");
  }
  const { node, zstd = "unknown" } = options.node.versions;
  const { npm, clock } = sandboxTools;
  const nodeDigest = digestOfProgram(sandboxTools.node, options.memory);
  const always: Record<string, Tool> = {
    node: { version: node ?? "unknown", sha256: nodeDigest },
    // It is inside of Node.
    zstd: { version: zstd, sha256: nodeDigest },
    ...(npm === undefined ? {} : { npm: { version: npm.version, sha256: digestOfNpm(npm.folder, options.memory) } }),
  };
  const clockTool = (packages: Machine["packages"]): Record<string, Tool> =>
    clock === undefined
      ? {}
      : {
          datefudge: { version: versionIn(packages, "datefudge"), sha256: digestOfProgram(clock.from, options.memory) },
        };
  if (options.base !== undefined) {
    const materials = options.base.materials.map(
      ({ name, version, sha256 }) =>
        [name, [...(version === undefined ? [] : [version]), sha256.slice(0, 12)].join(" ")] as const,
    );
    const machines = options.base.hasOwnClock ? {} : clockTool(Object.fromEntries(installedPackages()));
    return {
      tools: { ...always, ...machines },
      system: undefined,
      packages: Object.fromEntries(materials),
      sandboxTools,
    };
  }
  const packages = Object.fromEntries([...installedPackages()].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  const local = localPrograms(options.local ?? "/usr/local");
  const programs = programsOf(options.kinds);
  const tools: Record<string, Tool> = {
    ...always,
    ...Object.fromEntries(programs.map((program) => [program, packerTool(program, { ...options, packages })])),
    ...(options.isolation === "bubblewrap" ? { bubblewrap: bubblewrapTool({ ...options, packages }) } : {}),
    ...clockTool(packages),
  };
  return {
    tools,
    system: {
      os: systemName(),
      packages: digestOf(JSON.stringify(packages)),
      ...(Object.keys(local).length === 0 ? {} : { local }),
    },
    packages,
    sandboxTools,
  };
}

/** Hashing somebody's own programs would cost more than all of a cached bake; an installation changes size or time. */
function localPrograms(folder: string): Record<string, string> {
  const found = ["bin", "sbin"].flatMap((name) => {
    const path = join(folder, name);
    return existsSync(path) ? readdirSync(path).map((program) => join(path, program)) : [];
  });
  return Object.fromEntries(
    found.toSorted().flatMap((path) => {
      const stats = statSync(path, { throwIfNoEntry: false });
      if (stats?.isFile() !== true) return [];
      return [[basename(path), `${stats.size} bytes of ${new Date(stats.mtimeMs).toISOString()}`]];
    }),
  );
}

/** A program of the system: the version of its package, if the distribution has it, and its digest. */
function packerTool(
  program: string,
  { memory, packages }: Pick<MachineOptions, "memory"> & Pick<Machine, "packages">,
): Tool {
  const found = findProgram(program, systemPath);
  if (found === undefined) throw toolMissing(program);
  const isDistributions = /^\/(?:usr\/)?s?bin\//.test(found);
  const version = isDistributions ? versionIn(packages, packageOf(program) ?? program) : "unknown";
  return { version, sha256: digestOfProgram(realpathSync(found), memory) };
}

/** Where it isn't there, whoever opens the sandbox says so, and what else there is. */
function bubblewrapTool(options: Parameters<typeof packerTool>[1]): Tool {
  return findProgram("bwrap", systemPath) === undefined ? { version: "unknown" } : packerTool("bwrap", options);
}

/** A package that several architectures may share is listed with its own. */
function versionIn(packages: Machine["packages"], name: string): string {
  return packages[name] ?? packages[`${name}:${debianName(process.arch)}`] ?? "unknown";
}

/** Of all its files. An installation writes the package.json anew, so what is remembered hangs on that. */
function digestOfNpm(folder: string, memory: string): Digest {
  return remembered(join(folder, "package.json"), memory, () => {
    const hash = createHash("sha256");
    const paths = readdirSync(folder, { recursive: true, encoding: "utf8" }).toSorted();
    for (const path of paths) {
      const stats = statSync(join(folder, path), { throwIfNoEntry: false });
      if (stats?.isFile() === true)
        hash.update(`${JSON.stringify([path, digestOf(readFileSync(join(folder, path)))])}\n`);
    }
    return hash.digest("hex");
  });
}

const memorySchema = z.record(z.string(), digestSchema);

function digestOfProgram(path: string, folder: string): Digest {
  return remembered(path, folder, () => createHash("sha256").update(readFileSync(path)).digest("hex"));
}

/** Hashing Node takes as long as all the rest of a cached bake: remembered as long as the file's identity stays. */
function remembered(path: string, folder: string, find: () => Digest): Digest {
  const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
  const identity = [path, dev, ino, size, mtimeNs, ctimeNs].join(" ");
  const file = join(folder, "programs.json");
  const known = readMemory(file);
  const before = known[identity];
  if (before !== undefined) return before;
  const digest = find();
  const next = `${file}.${digest.slice(0, 8)}`;
  // What a path was before is of no use any more.
  const others = Object.entries(known).filter(([other]) => !other.startsWith(`${path} `));
  try {
    writeFileSync(next, JSON.stringify(Object.fromEntries([...others, [identity, digest]])));
    renameSync(next, file);
  } catch (error) {
    // No folder yet, or one that can't be written: then it is hashed again next time.
    if (!isSystemError(error, "ENOENT", "EACCES", "EROFS")) throw error;
  }
  return digest;
}

function readMemory(file: string): Readonly<Record<string, Digest>> {
  try {
    return memorySchema.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch (error) {
    if (isSystemError(error, "ENOENT") || error instanceof SyntaxError || error instanceof z.ZodError) return {};
    throw error;
  }
}
