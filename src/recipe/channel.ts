// Which channel a ref publishes to. A pattern is matched with the whole name of a branch or of a tag, never with a part of it
// and never with the other sort: the branch `release/v2.0.0` is no tag. Whoever may push picks ref names, so a name alone must
// never lead to a channel that somebody else's rule meant: `${slug}` stands behind a prefix that no other rule's channel has,
// and a slug that doesn't spell the whole name says which ref it is by a hash.

import { createHash } from "node:crypto";

import { z } from "zod";

import { channelSchema } from "../artifact/name.ts";
import { refPattern, ruleFor, shortName } from "./ref-rule.ts";
import { asItIs } from "./violation.ts";

const slugMark = "${slug}";

const channel = z
  .string()
  .refine((text) => isChannel(text), `a channel, or a prefix such as branch- and ${slugMark} after it`)
  .describe(
    "The channel that they publish to. `${slug}` at the end stands for the ref's name, after a prefix of at most 40 characters that ends in `-`, `.` or `_`.",
  );

const rule = z
  .strictObject({ branch: refPattern("branches").optional(), tag: refPattern("tags").optional(), channel })
  .refine(({ branch, tag }) => (branch === undefined) !== (tag === undefined), "either branch or tag");

export type ChannelRule = z.output<typeof rule>;

export const channelRulesSchema = z.array(rule).superRefine((rules, context) => {
  rules.forEach((one, at) => {
    const clash = rules.find((other) => mayMeet(one, other));
    if (clash === undefined) return;
    const message = `\`${one.channel}\` could be any ref's name, and so be the channel \`${clash.channel}\` of another rule`;
    context.addIssue({ code: "custom", path: [at, "channel"], message, params: asItIs });
  });
});

/** The channel of a full ref name (`refs/heads/…`, `refs/tags/…`) by the first rule that matches it; undefined if none does. */
export function channelOf(rules: readonly ChannelRule[], ref: string): string | undefined {
  return ruleFor(rules, ref)?.channel.replace(slugMark, () => slugOf(ref, shortName(ref)));
}

const longestPrefix = 40;
const longestSlug = 58;
const hashLength = 12;

/**
 * A ref's name in the channels' alphabet, at most 58 characters. Two refs of one sort never have the same: where spelling it
 * loses anything, or where the name itself looks like such a slug, a hash of the full ref follows.
 */
function slugOf(ref: string, name: string): string {
  const spelled = name.toLowerCase().replace(/[^a-z0-9._-]+|\.{2,}/g, "-");
  const trimmed = spelled.replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, "");
  if (name !== "" && trimmed === name && name.length <= longestSlug && !/(?:^|-)[0-9a-f]{12}$/.test(name)) return name;
  const hash = createHash("sha256").update(ref).digest("hex").slice(0, hashLength);
  const kept = trimmed.slice(0, longestSlug - hashLength - 1).replace(/[^a-z0-9]+$/, "");
  return kept === "" ? hash : `${kept}-${hash}`;
}

function isChannel(text: string): boolean {
  if (!text.endsWith(slugMark)) return channelSchema.safeParse(text).success;
  const prefix = text.slice(0, -slugMark.length);
  return /[._-]$/.test(prefix) && prefix.length <= longestPrefix && channelSchema.safeParse(`${prefix}x`).success;
}

/** Whether the slug of one rule can spell a channel that isn't its own. Rules of one sort may share one prefix. */
function mayMeet(one: ChannelRule, other: ChannelRule): boolean {
  if (one === other || !one.channel.endsWith(slugMark)) return false;
  const prefix = one.channel.slice(0, -slugMark.length);
  const theirs = other.channel.endsWith(slugMark) ? other.channel.slice(0, -slugMark.length) : other.channel;
  // A prefix that is empty is a fault of its own.
  if (prefix === "") return false;
  if (one.channel === other.channel) return (one.branch === undefined) !== (other.branch === undefined);
  return theirs.startsWith(prefix);
}
