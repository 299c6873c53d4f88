// What a person names a release by: NAME@VERSION, NAME:CHANNEL, NAME#COMMIT.

import { checkName } from "../artifact/name.ts";
import { KilnError } from "../errors.ts";
import type { Selector } from "../publish/promote.ts";

/** Throws USAGE, NAME_INVALID. */
export function parseSelector(text: string): Selector {
  const [, name = "", sign, rest = ""] = /^([^@:#]*)([@:#])(.*)$/s.exec(text) ?? [];
  if (sign === undefined) {
    throw new KilnError("USAGE", `got ${JSON.stringify(text)}, want NAME@VERSION, NAME:CHANNEL or NAME#COMMIT`, {
      hint: "`kiln list` shows names, versions and channels",
    });
  }
  checkName("name", name);
  if (sign === "@") return { name, by: "version", version: checkName("version", rest) };
  if (sign === ":") return { name, by: "channel", channel: checkName("channel", rest) };
  if (/^[0-9a-f]{7,64}$/.test(rest)) return { name, by: "commit", commit: rest };
  throw new KilnError("USAGE", `got the commit ${JSON.stringify(rest)}, want 7 or more hex digits`);
}
