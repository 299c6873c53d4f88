// A version found by a regular expression in a text file. The expression comes with the commit, so it may be one that never
// ends: V8 is told to give up after a second.

import { isNativeError } from "node:util/types";
import { runInNewContext } from "node:vm";

import { z } from "zod";

import { KilnError } from "../errors.ts";
import { readText } from "./source-text.ts";

const giveUpAfter = 1000;

export const patternSchema = z
  .string()
  .max(500)
  .refine((pattern) => groupsIn(pattern) !== undefined, "a regular expression")
  .refine((pattern) => groupsIn(pattern) !== 0, "a regular expression with a group around the version: (…)");

/** What the expression's first group matches first. Throws VERSION_UNRESOLVED. */
export async function versionByPattern(
  { path, regex }: { readonly path: string; readonly regex: string },
  read: (path: string) => Promise<Uint8Array | undefined>,
): Promise<string> {
  const text = await readText(path, read);
  const version = firstGroup(regex, text, path);
  if (version !== undefined) return version;
  throw new KilnError(
    "VERSION_UNRESOLVED",
    `${path}: got no match for /${regex}/m, want one whose group is the version`,
  );
}

/** How many groups a valid expression has. */
function groupsIn(pattern: string): number | undefined {
  try {
    const match = new RegExp(`${pattern}|`, "m").exec("");
    // `|` inside an unclosed group or class is a syntax error, so this is the same expression or nothing.
    return match === null ? 0 : match.length - 1;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function firstGroup(pattern: string, text: string, path: string): string | undefined {
  try {
    const found: unknown = runInNewContext(
      "new RegExp(pattern, 'm').exec(text)?.[1]",
      { pattern, text },
      {
        timeout: giveUpAfter,
      },
    );
    return typeof found === "string" ? found : undefined;
  } catch (cause) {
    // It is an error of the other context, so no `Error` of ours.
    if (!isNativeError(cause) || !("code" in cause) || cause.code !== "ERR_SCRIPT_EXECUTION_TIMEOUT") throw cause;
    throw new KilnError("VERSION_UNRESOLVED", `${path}: got no answer from /${pattern}/m in ${giveUpAfter} ms`, {
      hint: "write the expression without a repetition inside a repetition",
      cause,
    });
  }
}
