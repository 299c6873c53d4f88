// A base of a Debian or Ubuntu suite: its essential packages, those that the recipe names, and what these need. The lock file
// beside the recipe pins every one of them: a plan reads it, and only making the base asks a mirror.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import { z } from "zod";

import type { Context } from "../../context.ts";
import { KilnError } from "../../errors.ts";
import { debianName } from "../../system/architecture.ts";
import { packageOf, toolMissing } from "../../system/tools.ts";
import { type Base, type BaseQuestion, type BaseSettings, distributions, type Material } from "../base.ts";
import {
  differences,
  digestOfSuite,
  findLocked,
  type Lock,
  type LockedSuite,
  type LockRequest,
  lockPathOf,
  parseLock,
} from "../lock.ts";
import { mirrorOf, putKeyring } from "./mirror.ts";

const word = /^[a-z0-9][a-z0-9.+-]{0,99}$/;

const relativePath = z
  .string()
  .regex(/^[^/\0]/, "a path relative to the repository")
  .refine((path) => !path.split("/").includes(".."), "a path inside the repository");

const schema = z.strictObject({
  suite: z
    .string()
    .regex(word, "the name of a suite, as in bookworm")
    .describe("The suite: `bookworm`, `trixie`, `noble` …"),
  distribution: z.enum(distributions).default("debian").describe("Whose suite it is."),
  packages: z
    .array(z.string().regex(word, "the name of a package"))
    .default([])
    .describe(
      "Packages beside the essential ones, by name; what they depend on comes with them, what they recommend doesn't.",
    ),
  components: z
    .array(z.string().regex(/^[a-z][a-z/-]{0,39}$/, "a component, as in main"))
    .min(1)
    .default(["main"])
    .describe("Parts of the archive that packages may come from."),
  snapshot: z
    .string()
    .regex(/^[0-9]{8}T[0-9]{6}Z$/, "a date in the form 20260131T000000Z")
    .optional()
    .describe("A date: the suite as it was then, from the distribution's snapshot service, which never moves."),
  mirror: z
    .url({ protocol: /^(?:https?|file)$/, error: "the address of a mirror" })
    .optional()
    .describe(
      "Where its packages are fetched from if the machine has no mirror of its own; with `snapshot`, the service.",
    ),
  keyring: relativePath
    .optional()
    .describe(
      "A file in the repository with the OpenPGP keys that sign the suite, where the machine doesn't have those of the distribution.",
    ),
});

type SuiteSpec = z.output<typeof schema>;

export const suite: Base<typeof schema> = {
  name: "suite",
  summary: "The packages of a Debian or Ubuntu suite, pinned one by one in a lock file that `kiln lock` writes.",
  schema,
  async resolve(spec, question) {
    const request = requestOf(spec, question.programs);
    const title = titleOf(request);
    const lockPath = lockPathOf(question.recipe);
    const locked = await readLocked(request, lockPath, question);
    const keys = await readKeyring(spec, question.read);
    for (const program of question.programs) {
      if (locked.packages[packageOf(program) ?? program] === undefined) throw toolMissing(program);
    }
    return {
      title,
      digest: digestOfSuite(locked),
      materials: materialsOf(locked),
      hasOwnClock: true,
      howToAdd: (name) => `add ${name} to \`packages\` of the recipe's base, and run kiln lock`,
      async make(job) {
        const { makeSuite } = await import("./make.ts");
        await makeSuite({ locked, title, mirror: spec.mirror, keys, lockPath }, job);
      },
    };
  },
};

async function readKeyring({ keyring }: SuiteSpec, read: BaseQuestion["read"]): Promise<Uint8Array | undefined> {
  if (keyring === undefined) return undefined;
  const bytes = await read(keyring);
  if (bytes !== undefined) return bytes;
  throw new KilnError("BASE_FAILED", `${keyring}: got no such file, want the keys that sign the suite`, {
    hint: "commit it, or take `keyring` out of the recipe's base",
  });
}

/** What the lock must be for: the recipe's packages, those of its packers, and what Kiln itself needs inside. */
function requestOf(spec: SuiteSpec, programs: readonly string[]): LockRequest {
  const { distribution, suite: name, snapshot, components, packages } = spec;
  const tools = programs.flatMap((program) => packageOf(program) ?? []);
  return {
    distribution,
    suite: name,
    ...(snapshot === undefined ? {} : { snapshot }),
    components,
    architecture: debianName(process.arch),
    wanted: [...new Set([...packages, ...tools, ...always])].toSorted(),
  };
}

/** The fixed clock, and the library that Node is linked with. */
const always = ["datefudge", "libstdc++6"];

function titleOf({ distribution, suite: name, architecture, snapshot }: LockRequest): string {
  return [distribution, name, architecture, ...(snapshot === undefined ? [] : [`at ${snapshot}`])].join(" ");
}

async function readLocked(request: LockRequest, path: string, { read }: BaseQuestion): Promise<LockedSuite> {
  const bytes = await read(path);
  const locked = bytes === undefined ? undefined : findLocked(parseLock(bytes, path), request);
  if (locked !== undefined) return locked;
  const got = bytes === undefined ? "no such file in the commit" : "no entry for the base as the recipe has it now";
  throw new KilnError("BASE_UNLOCKED", `${path}: got ${got}, want the packages of ${titleOf(request)}`, {
    hint: "kiln lock writes it; commit it beside the recipe",
  });
}

function materialsOf(locked: LockedSuite): Material[] {
  const { distribution, suite: name, inRelease, packages } = locked;
  const index = { name: `InRelease of ${distribution} ${name}`, sha256: inRelease.sha256 };
  const listed = Object.entries(packages).map(([one, { version, architecture, sha256 }]) => ({
    name: one,
    version,
    uri: `pkg:deb/${distribution}/${encodeURIComponent(one)}@${encodeURIComponent(version)}?arch=${architecture}`,
    sha256,
  }));
  return [index, ...listed];
}

export interface LockSuiteOptions {
  /** Absolute path of an empty folder. */
  readonly folder: string;
  readonly programs: readonly string[];
  /** Reads a file of the work tree, by its path relative to the repository. */
  readonly read: BaseQuestion["read"];
  readonly settings: BaseSettings;
  readonly context: Pick<Context, "env" | "signal">;
}

/** What these suites have now, as a lock file; see `pinBases`. Entries for other machines stay as long as they fit. */
export async function pinSuites(
  specs: readonly SuiteSpec[],
  question: LockSuiteOptions & { readonly before: Lock | undefined },
): Promise<{ suites: LockedSuite[]; titles: string[]; changes: string[] }> {
  const { lookAtSuite } = await import("./apt.ts");
  const before = question.before?.suites ?? [];
  const suites: LockedSuite[] = [];
  for (const [index, spec] of specs.entries()) {
    const request = requestOf(spec, question.programs);
    const folder = join(question.folder, String(index));
    await mkdir(folder);
    const mirror = mirrorOf({ ...request, mirror: spec.mirror, settings: question.settings });
    const keyring = putKeyring(request.distribution, await readKeyring(spec, question.read), question.folder);
    suites.push(await lookAtSuite({ folder, mirror, keyring, request, context: question.context }));
  }
  const isKept = (old: LockedSuite): boolean =>
    suites.every(({ architecture }) => architecture !== old.architecture) &&
    suites.some((now) => findLocked({ kilnLock: 1, suites: [old] }, { ...now, architecture: old.architecture }));
  const changes = suites.flatMap((now) => {
    const old = before.find((one) => one.suite === now.suite && one.architecture === now.architecture);
    return old === undefined ? [`${titleOf(now)}: new`] : differences(old, now);
  });
  return {
    suites: [...suites, ...before.filter(isKept)],
    titles: suites.map(titleOf),
    changes,
  };
}
