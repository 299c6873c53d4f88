// The lock file: what a suite was made of, and what mounts held, when somebody ran `kiln lock`, for the commit to keep.
// It names the index by the digest of its InRelease, and every package by version and SHA-256; a base that can't be made of
// exactly these isn't made. Where the mirror is, it doesn't say.

import { z } from "zod";

import { type Digest, digestOf, digestSchema } from "../artifact/digest.ts";
import { canonicalBytes } from "../artifact/json.ts";
import { KilnError } from "../errors.ts";
import { distributions } from "./base.ts";

const lockedPackageSchema = z.strictObject({
  version: z.string().min(1).max(200),
  architecture: z.string().regex(/^[a-z0-9-]{1,40}$/),
  sha256: digestSchema,
});

const lockedSuiteSchema = z.strictObject({
  distribution: z.enum(distributions),
  suite: z.string(),
  snapshot: z.string().optional(),
  components: z.array(z.string()),
  architecture: z.string().regex(/^[a-z0-9-]{1,40}$/),
  /** What was asked for by name, sorted; the packages below are these, what they need, and the essential ones. */
  wanted: z.array(z.string()),
  inRelease: z.strictObject({
    sha256: digestSchema,
    /** Its `Date`, in seconds since 1970: no file of the base is newer. */
    time: z.int().nonnegative(),
  }),
  packages: z.record(z.string().regex(/^[a-z0-9][a-z0-9.+-]{0,99}$/), lockedPackageSchema),
});

const lockSchema = z.strictObject({
  kilnLock: z.literal(1),
  suites: z.array(lockedSuiteSchema),
  /** What is mounted at a path: see treeDigest. */
  mounts: z.record(z.string(), digestSchema).optional(),
});

export type LockedSuite = z.infer<typeof lockedSuiteSchema>;
export type Lock = z.infer<typeof lockSchema>;

/** What a lock must have been made for, to be a recipe's. */
export type LockRequest = Pick<LockedSuite, "distribution" | "suite" | "snapshot" | "components" | "architecture"> & {
  readonly wanted: readonly string[];
};

/** `kiln.lock` beside `kiln.yaml`. */
export function lockPathOf(recipe: string): string {
  return `${recipe.replace(/\.ya?ml$/, "")}.lock`;
}

/** Throws BASE_UNLOCKED for what isn't a lock file. */
export function parseLock(bytes: Uint8Array, path: string): Lock {
  try {
    return lockSchema.parse(JSON.parse(Buffer.from(bytes).toString("utf8")));
  } catch (cause) {
    if (!(cause instanceof SyntaxError) && !(cause instanceof z.ZodError)) throw cause;
    const at = cause instanceof z.ZodError ? cause.issues[0]?.path.join(".") : undefined;
    const where = at === undefined || at === "" ? "" : ` at ${at}`;
    throw new KilnError("BASE_UNLOCKED", `${path}: got something else than a lock file's JSON${where}`, {
      hint: "kiln lock writes it anew",
      cause,
    });
  }
}

/** The entry for the same request on the same architecture. */
export function findLocked(lock: Lock, request: LockRequest): LockedSuite | undefined {
  return lock.suites.find((locked) => placeOf(locked) === placeOf(request));
}

/** One package a line, in order: a renewed lock is read as a diff. */
export function lockText(lock: Lock): string {
  const suites = lock.suites.toSorted((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1)).map(suiteText);
  const mounts = Object.entries(lock.mounts ?? {}).toSorted(([one], [other]) => (one < other ? -1 : 1));
  const listed = mounts.map(([at, digest]) => `    ${JSON.stringify(at)}: ${JSON.stringify(digest)}`);
  const mounted = mounts.length === 0 ? "" : `,\n  "mounts": {\n${listed.join(",\n")}\n  }`;
  return `{\n  "kilnLock": 1,\n  "suites": [\n${suites.join(",\n")}\n  ]${mounted}\n}\n`;
}

function suiteText({ packages, ...facts }: LockedSuite): string {
  const lines = Object.entries(facts).map(([name, value]) => `      ${JSON.stringify(name)}: ${oneLine(value)}`);
  const names = Object.keys(packages).toSorted();
  const listed = names.map((name) => `        ${JSON.stringify(name)}: ${oneLine(packages[name])}`);
  return `    {\n${lines.join(",\n")},\n      "packages": {\n${listed.join(",\n")}\n      }\n    }`;
}

function oneLine(value: unknown): string {
  return JSON.stringify(value, null, 1).replaceAll(/\n\s*/g, " ");
}

/** One more whenever the same packages would be made into another root. */
const layout = 1;

export function digestOfSuite(locked: LockedSuite): Digest {
  // What was asked for by name doesn't matter once it is known what came of it.
  return digestOf(canonicalBytes({ layout, ...locked, wanted: [] }));
}

/** What differs, in words, most telling first: `bash 5.2.15-2 → 5.2.15-3`. */
export function differences(before: LockedSuite, now: LockedSuite): string[] {
  const names = [...new Set([...Object.keys(before.packages), ...Object.keys(now.packages)])].toSorted();
  const moved = names.flatMap((name) => {
    const [old, fresh] = [before.packages[name], now.packages[name]];
    if (old?.sha256 === fresh?.sha256 && old?.version === fresh?.version) return [];
    if (old?.version === fresh?.version) return [`${name} ${old?.version} has other bytes`];
    return [`${name} ${old?.version ?? "none"} → ${fresh?.version ?? "none"}`];
  });
  return before.inRelease.sha256 === now.inRelease.sha256 ? moved : [...moved, "its InRelease"];
}

function placeOf(request: LockRequest): string {
  const { distribution, suite, snapshot = "", components, architecture, wanted } = request;
  return [distribution, suite, snapshot, components.join(","), architecture, wanted.join(",")].join(" ");
}
