// Every failure that Kiln tells a person about: one class, one table of codes.
// A code is permanent and says what happened; the message says where, "got" and "want"; the hint says what to do.
// docs/errors.md is generated from this table. The exit status follows from the code:
// 1 failed · 2 usage · 3 verification refused.

interface CodeInfo {
  readonly exit: 1 | 2 | 3;
  /** What it means, one sentence, for docs/errors.md. */
  readonly meaning: string;
  /** What to do about it, one sentence, for docs/errors.md. */
  readonly remedy: string;
}

export const codes = {
  // The command line and the recipe
  USAGE: { exit: 2, meaning: "The command line is wrong.", remedy: "See `kiln COMMAND --help`." },
  CONFIG_INVALID: {
    exit: 2,
    meaning: "A configuration file or variable has a value that can't be used.",
    remedy: "`kiln config` shows each value and where it came from.",
  },
  RECIPE_INVALID: {
    exit: 2,
    meaning: "The recipe breaks its schema, or says something impossible.",
    remedy: "The message names file, line and column; docs/recipe.md lists every key.",
  },
  NAME_INVALID: {
    exit: 2,
    meaning: "A name, version or channel has characters or a length that not every store and client can hold.",
    remedy: "docs/recipe.md says which are allowed.",
  },
  // What the machine lacks, or did
  CANCELLED: { exit: 1, meaning: "The command was interrupted.", remedy: "Run it again; nothing half-done is visible." },
  TOOL_MISSING: {
    exit: 1,
    meaning: "A program that this step runs isn't installed.",
    remedy: "Install the Debian package that the hint names.",
  },
  DISK_FULL: { exit: 1, meaning: "A disk or quota is full.", remedy: "Free some room and run it again." },
  PERMISSION_DENIED: {
    exit: 1,
    meaning: "The operating system refused to read or write a file.",
    remedy: "Check the owner and mode of the path in the message.",
  },
  BUSY: {
    exit: 1,
    meaning: "Another process holds the lock on the same folder for longer than the wait.",
    remedy: "Wait for it, or end it: the lock goes with its process.",
  },
  // Stores
  STORE_NOT_FOUND: {
    exit: 1,
    meaning: "There is no Kiln store at this address.",
    remedy: "Check the address, or make one with `kiln store create`.",
  },
  STORE_EXISTS: { exit: 1, meaning: "There is a store here already.", remedy: "Use it, or choose another folder." },
  STORE_UNREACHABLE: { exit: 1, meaning: "The store didn't answer.", remedy: "Check the network and try again." },
  STORE_READ_ONLY: {
    exit: 1,
    meaning: "The store, or this way of reaching it, can't be written.",
    remedy: "Publish through a folder that this user may write.",
  },
  STORE_CORRUPT: {
    exit: 3,
    meaning: "A document in the store can't be what Kiln wrote.",
    remedy: "`kiln audit` says what else is wrong.",
  },
  NOT_FOUND: { exit: 1, meaning: "No such name, version, channel or object.", remedy: "`kiln list` shows what exists." },
  // Trust
  TRUST_INVALID: {
    exit: 2,
    meaning: "A trust file can't be used.",
    remedy: "Fetch it again from where you trust it.",
  },
  IMMUTABLE_CONFLICT: {
    exit: 1,
    meaning: "The same name or version was published before with other bytes.",
    remedy: "Published versions never change; publish a new version.",
  },
} as const satisfies Record<string, CodeInfo>;

export type Code = keyof typeof codes;

export interface KilnErrorOptions {
  /** What a person should do now: one line, imperative. */
  readonly hint?: string;
  /** Machine-readable facts, shown by --json. Never secrets. */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

export class KilnError extends Error {
  readonly code: Code;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: Code, message: string, options: KilnErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "KilnError";
    this.code = code;
    this.hint = options.hint;
    this.details = options.details ?? {};
  }

  get exitStatus(): 1 | 2 | 3 {
    return codes[this.code].exit;
  }
}

/** True when `error` is a KilnError with one of `wanted`: the only way code elsewhere may catch. */
export function isKilnError(error: unknown, ...wanted: readonly Code[]): error is KilnError {
  return error instanceof KilnError && (wanted.length === 0 || wanted.includes(error.code));
}

/** True for an operating-system error with one of these codes (`ENOENT`, `EEXIST` …). */
export function isSystemError(error: unknown, ...wanted: readonly string[]): error is NodeJS.ErrnoException {
  return error instanceof Error && "code" in error && wanted.includes(String(error.code));
}
