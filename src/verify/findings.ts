// What a verification found. Every check runs, as far as there is something to check, and none hides another: each
// failure becomes a finding, and the verdict follows from them all.

import { type Code, codes, KilnError } from "../errors.ts";

export interface Finding {
  readonly code: Code;
  /** A note takes nothing from the verdict. */
  readonly severity: "error" | "note";
  /** What it is about: a file, a key of the store, a log entry, NAME@VERSION. */
  readonly subject: string;
  readonly message: string;
}

/** `incomplete`: nothing refuted it, but something couldn't be reached, so nothing is proven either. */
export type Verdict = "verified" | "refused" | "incomplete";

export interface Verification {
  readonly subject: string;
  readonly verdict: Verdict;
  readonly findings: readonly Finding[];
}

export interface Findings {
  readonly list: readonly Finding[];
  add(finding: Finding): void;
  note(code: Code, subject: string, message: string): void;
  /**
   * Runs one check. `undefined` when it failed: the finding is in the list. What isn't an answer about the subject (an
   * interrupt, an unusable trust file, a full disk) passes through.
   */
  check<T>(subject: string, work: () => T): T | undefined;
  checkAsync<T>(subject: string, work: () => Promise<T>): Promise<T | undefined>;
}

export function newFindings(): Findings {
  const list: Finding[] = [];
  const add = (finding: Finding): void => {
    list.push(finding);
  };
  const record = (subject: string, error: unknown): undefined => {
    if (!isFinding(error)) throw error;
    add({ code: error.code, severity: "error", subject, message: error.message });
  };
  return {
    list,
    add,
    note: (code, subject, message) => add({ code, severity: "note", subject, message }),
    check(subject, work) {
      try {
        return work();
      } catch (error) {
        return record(subject, error);
      }
    },
    async checkAsync(subject, work) {
      try {
        return await work();
      } catch (error) {
        return record(subject, error);
      }
    },
  };
}

export function verdictOf(findings: readonly Finding[]): Verdict {
  const errors = findings.filter(({ severity }) => severity === "error");
  if (errors.some(({ code }) => codes[code].exit === 3)) return "refused";
  return errors.length > 0 ? "incomplete" : "verified";
}

/** The exit status of a command that ends in this verdict. */
export const exitOf: Readonly<Record<Verdict, 0 | 1 | 3>> = { verified: 0, incomplete: 1, refused: 3 };

function isFinding(error: unknown): error is KilnError {
  return error instanceof KilnError && (error.exitStatus === 3 || error.code === "STORE_UNREACHABLE");
}
