// From a version to those after it: which line they are of, and where on it they begin. The store then gives each commit the next
// that is free, so two commits after one tag don't get the same version.

import { z } from "zod";

import { parseVersion, writeVersion } from "../artifact/version.ts";
import { KilnError } from "../errors.ts";

const steps = ["major", "minor", "patch", "pre", "dev", "post", "revision", "epoch"] as const;

export const bumpShape = {
  bump: z
    .enum(steps)
    .optional()
    .describe(
      "Not this version but the next free one after it, reserved in the store as with `from: next`: `major`, `minor` and `patch` raise a number, `pre`, `dev`, `post`, `revision` and `epoch` that part.",
    ),
  pre: z
    .string()
    .regex(/^[a-z]{1,20}$/, "a word of small letters, as in rc")
    .optional()
    .describe(
      "A pre-release of it, of this sort: `rc` gives 1.3.0-rc.1 and so on, `dev` gives 1.3.0-0.dev.1. Reserved in the store, too.",
    ),
} as const;

export interface Bump {
  readonly bump?: (typeof steps)[number] | undefined;
  readonly pre?: string | undefined;
}

export interface Line {
  /** As `next` has it. */
  readonly line: string;
  /** The first number in place of its `*`. */
  readonly least: number;
}

/** Whether the two keys make sense together. */
export function isBump({ bump, pre }: Bump): boolean {
  return pre === undefined || bump === undefined || ["major", "minor", "patch", "epoch"].includes(bump);
}

type Version = NonNullable<ReturnType<typeof parseVersion>>;

/** The line of what comes after `base`. Throws VERSION_UNRESOLVED. */
export function lineAfter(base: string, { bump, pre }: Bump): Line {
  const found = parseVersion(base);
  if (found === undefined) {
    throw new KilnError("VERSION_UNRESOLVED", `version ${base}: got no numbers to go on from, want one as in 1.2.3`);
  }
  // What has no order has no next.
  const version: Version = { ...found, build: [] };
  switch (bump) {
    case undefined:
    case "major":
    case "minor":
    case "patch":
    case "epoch": {
      const next = bump === undefined ? bare(version) : raised(version, bump);
      return pre === undefined ? numberLine(next) : preLine(next, pre, version);
    }
    case "pre":
      return afterPre(version, base);
    case "dev":
      return afterDevelopment(version);
    case "post":
      return {
        line: `${writeVersion({ ...version, post: 0, revision: undefined }).slice(0, -1)}*`,
        least: (version.post ?? 0) + 1,
      };
    case "revision":
      return { line: `${writeVersion({ ...version, revision: 1 }).slice(0, -1)}*`, least: (version.revision ?? 1) + 1 };
  }
}

function bare(version: Version): Version {
  return { ...version, pre: [], dev: undefined, post: undefined, revision: undefined };
}

/** The version with a number raised, and nothing but numbers. A pre-release of 2.0.0 leads to 2.0.0: that is its next major version. */
export function raised(version: Version, bump: "major" | "minor" | "patch" | "epoch"): Version {
  const { epoch, pre, dev } = version;
  if (bump === "epoch") return { ...bare(version), epoch: epoch + 1 };
  const at = ["major", "minor", "patch"].indexOf(bump);
  const numbers = [...version.numbers, 0, 0, 0].slice(0, Math.max(version.numbers.length, at + 1));
  const isOnTheWay = (pre.length > 0 || dev !== undefined) && numbers.slice(at + 1).every((number) => number === 0);
  if (isOnTheWay) return { ...bare(version), numbers };
  const next = numbers.map((number, place) => (place < at ? number : place === at ? number + 1 : 0));
  return { ...bare(version), numbers: next };
}

function numberLine(version: Version): Line {
  // Of a single number, the next is its first minor version.
  const numbers = version.numbers.length > 1 ? version.numbers : [...version.numbers, 0];
  const start = writeVersion({ ...version, numbers: numbers.slice(0, -1) });
  return { line: `${start}.*`, least: numbers.at(-1) ?? 0 };
}

function preLine(next: Version, pre: string, before: Version): Line {
  const line = pre === "dev" ? `${writeVersion(next)}-0.dev.*` : `${writeVersion(next)}-${pre}.*`;
  const [word, number] = before.pre;
  const isSame = writeVersion(bare(before)) === writeVersion(next);
  if (isSame && pre === "dev" && before.pre.length === 0 && before.dev !== undefined) {
    return { line, least: before.dev.number + 1 };
  }
  return { line, least: isSame && word === pre && /^[0-9]+$/.test(number ?? "") ? Number(number) + 1 : 1 };
}

function afterPre(version: Version, base: string): Line {
  const number = version.pre.at(-1) ?? "";
  if (version.pre.length < 2 || !/^[0-9]+$/.test(number)) {
    throw new KilnError(
      "VERSION_UNRESOLVED",
      `version ${base}: got no pre-release with a number, want one as in 1.2.0-rc.1`,
      {
        hint: "say which sort: bump: minor with pre: rc",
      },
    );
  }
  const start = writeVersion({ ...bare(version), pre: version.pre.slice(0, -1) });
  return { line: `${start}.*`, least: Number(number) + 1 };
}

/** After a release those of the next patch; after a pre-release, those before the next of it. */
function afterDevelopment(version: Version): Line {
  const { pre, dev } = version;
  const next = pre.length === 0 && dev === undefined ? raised(version, "patch") : { ...bare(version), pre };
  const start = writeVersion({ ...next, dev: { number: 1, marks: [] } }).slice(0, -1);
  return { line: `${start}*`, least: dev === undefined ? 1 : dev.number + 1 };
}
