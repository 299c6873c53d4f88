// What commands that say something of a release have in common: which one, and why.

import { checkName } from "../artifact/name.ts";
import { KilnError } from "../errors.ts";
import type { Input } from "./command.ts";

export const reasonOption = {
  flags: "--reason TEXT",
  description: "why, in at most 500 characters: it is kept in the log",
};

/** Throws USAGE without one, or for one that no log entry holds: pages and indexes of clients show it on a line. */
export function reasonOf({ options }: Input): string {
  const reason = typeof options["reason"] === "string" ? options["reason"].trim() : "";
  const isLine = !/\p{Cc}/u.test(reason);
  if (reason.length >= 1 && reason.length <= 500 && isLine) return reason;
  const got = reason === "" ? "no reason" : isLine ? `${reason.length} characters` : "control characters";
  throw new KilnError("USAGE", `--reason: got ${got}, want one line of 1 to 500 characters`, {
    hint: "say why, for whoever reads the log: --reason 'loses invoices'",
  });
}

/** NAME@VERSION. Throws USAGE, NAME_INVALID. */
export function parseRelease(text: string): { readonly name: string; readonly version: string } {
  const [, name, version] = /^([^@]+)@([^@]+)$/.exec(text) ?? [];
  if (name === undefined || version === undefined) {
    throw new KilnError("USAGE", `got ${JSON.stringify(text)}, want NAME@VERSION`);
  }
  return { name: checkName("name", name), version: checkName("version", version) };
}
