// An error, as a person or a program is told about it. Errors that Kiln didn't foresee are its bugs, and it says so.

import { type Code, codes, isSystemError, KilnError } from "../errors.ts";
import type { Look } from "../terminal/look.ts";
import { printableText } from "../terminal/printable.ts";

export interface Failure {
  readonly code: Code;
  readonly message: string;
  readonly hint: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly exit: 1 | 2 | 3;
  /** The stacks of the error and of its causes. */
  readonly stack: string;
}

/** What `error` means. `signal`: when it is aborted, whatever was thrown is the interruption. */
export function failureOf(error: unknown, signal: AbortSignal): Failure {
  const known = signal.aborted ? interruption(error, signal) : (foreseen(error) ?? bug(error));
  return {
    code: known.code,
    message: known.message,
    hint: known.hint ?? codes[known.code].remedy,
    details: known.details,
    exit: known.exitStatus,
    // A bug's own stack begins in this file and says nothing.
    stack: stackOf(known.code === "INTERNAL" ? error : known),
  };
}

/** `kiln: what failed: got X, want Y [CODE]`, the hint, and for bugs or on request the stack. */
export function failureText(program: string, failure: Failure, options: { look: Look; detail: string }): string {
  const { paint } = options.look;
  const [first = "", ...more] = printableText(failure.message).trimEnd().split("\n");
  const lines = [
    `${paint("red", `${program}:`)} ${first} ${paint("dim", `[${failure.code}]`)}`,
    ...more.map((line) => `  ${line}`),
    `${paint("cyan", "hint:")} ${printableText(failure.hint)}`,
  ];
  const wantsStack = options.detail === "verbose" || failure.code === "INTERNAL";
  return [...lines, ...(wantsStack ? [paint("dim", printableText(failure.stack))] : [])].join("\n");
}

/** The value of `error` in what --json prints; each of its texts goes through `redacted`. */
export function failureJson(failure: Failure, redacted: (text: string) => string): Readonly<Record<string, unknown>> {
  const { code, message, hint, details } = failure;
  const safe = JSON.stringify({ message, hint, details }, (_, value: unknown) =>
    typeof value === "string" ? redacted(value) : value,
  );
  return { code, ...(JSON.parse(safe) as Pick<Failure, "message" | "hint" | "details">) };
}

function interruption(error: unknown, signal: AbortSignal): KilnError {
  if (error instanceof KilnError && error.code === "CANCELLED") return error;
  const reason = signal.reason instanceof Error ? signal.reason.message : "interrupted";
  return new KilnError("CANCELLED", reason, { cause: error });
}

/** The operating system's refusals can come from any file operation, so they are translated once, here. */
function foreseen(error: unknown): KilnError | undefined {
  if (error instanceof KilnError) return error;
  if (isSystemError(error, "ENOSPC", "EDQUOT")) {
    return new KilnError("DISK_FULL", `${error.path ?? "a file"}: got no more room on the disk`, { cause: error });
  }
  if (isSystemError(error, "EACCES", "EPERM", "EROFS")) {
    const what = `${error.path ?? error.syscall ?? "a file"}: got ${error.code} from the operating system`;
    return new KilnError("PERMISSION_DENIED", what, { cause: error });
  }
  if (isSystemError(error, "ENOTDIR")) {
    return new KilnError("NOT_A_FOLDER", `${error.path ?? "a path"}: got a file above it, want folders`, {
      cause: error,
    });
  }
  return undefined;
}

function bug(error: unknown): KilnError {
  const what =
    error instanceof Error ? `${error.name}: ${error.message}` : `got ${JSON.stringify(error) ?? typeof error} thrown`;
  return new KilnError("INTERNAL", what, { cause: error });
}

function stackOf(error: unknown): string {
  const stacks: string[] = [];
  for (
    let at: unknown = error;
    at !== undefined && stacks.length < 10;
    at = at instanceof Error ? at.cause : undefined
  ) {
    stacks.push(at instanceof Error ? (at.stack ?? at.message) : (JSON.stringify(at) ?? typeof at));
  }
  return stacks.join("\ncaused by: ");
}
