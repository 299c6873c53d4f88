// Which of a recipe's rules counts for a ref. A pattern is matched with the whole name of a branch or of a tag, never with a part of
// it and never with the other sort: the branch `release/v2.0.0` is no tag.

import { z } from "zod";

export interface RefRule {
  readonly branch?: string | undefined;
  readonly tag?: string | undefined;
}

/** `of`: branches or tags. */
export function refPattern(of: string) {
  return (
    z
      .string()
      .min(1)
      .max(200)
      // What git allows in no ref name: such a pattern never matches, whoever wrote it meant something else.
      .regex(/^[^\p{Cc} ~^:?[\\]+$/u, "a pattern in which only `*` is special")
      .refine((text) => !text.startsWith("refs/"), "a pattern without refs/heads/ or refs/tags/")
      .describe(`The ${of} that this rule is for, whole: \`*\` stands for any text, slashes too.`)
  );
}

/** The first rule for a full ref name (`refs/heads/…`, `refs/tags/…`); one without a pattern is for every ref, and for none. */
export function ruleFor<Rule extends RefRule>(rules: readonly Rule[], ref: string | undefined): Rule | undefined {
  return rules.find(({ branch, tag }) => {
    if (branch === undefined && tag === undefined) return true;
    if (!ref?.startsWith(branch === undefined ? "refs/tags/" : "refs/heads/")) return false;
    return matches(branch ?? tag ?? "", shortName(ref));
  });
}

/** Of a full name of a branch or a tag. */
export function shortName(ref: string): string {
  return ref.replace(/^refs\/(?:heads|tags)\//, "");
}

/** Whether `name`, whole, is what `glob` describes. Time is linear: each part between stars is taken at its first place. */
export function matches(glob: string, name: string): boolean {
  const [start = "", ...rest] = glob.split("*");
  const end = rest.pop();
  if (end === undefined) return name === glob;
  if (name.length < start.length + end.length || !name.startsWith(start) || !name.endsWith(end)) return false;
  let at = start.length;
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return at <= name.length - end.length;
}
