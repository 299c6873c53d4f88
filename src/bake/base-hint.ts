// What to do about a program that a base lacks: it is installed in the base, not on the machine.

import type { ResolvedBase } from "../bases/base.ts";
import { KilnError } from "../errors.ts";

/** The same error; where its hint is to install a package, the hint says how the base gets it. */
export function hintFor(error: unknown, base: ResolvedBase | undefined): unknown {
  if (base === undefined || !(error instanceof KilnError) || error.hint === undefined) return error;
  const hint = error.hint.replace(/(?:the Debian package \S+ has it: )?apt-get install (\S+)/, (_, name: string) =>
    base.howToAdd(name),
  );
  if (hint === error.hint) return error;
  return new KilnError(error.code, error.message, { hint, details: error.details, cause: error });
}
