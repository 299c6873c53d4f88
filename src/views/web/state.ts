// What the pages remember: a name's page the newest of its releases, events and channels, and the older pages that it leads to;
// the front page the names that changed last, and the pages of all names. Nothing in it depends on when or by whom it was written.

import { z } from "zod";

import { digestSchema } from "../../artifact/digest.ts";
import { channelSchema, nameSchema, versionSchema } from "../../artifact/name.ts";
import { corrupt, readPage } from "./page.ts";

const leafIndex = z.int().nonnegative();

const releaseRowSchema = z.strictObject({
  version: versionSchema,
  leaf: leafIndex,
  time: z.int().nonnegative(),
  manifest: digestSchema,
  /** The newest leaf that says something of it; absent: its own. */
  changed: leafIndex.optional(),
  /** What its manifest says; absent: it can't be read. */
  of: z
    .strictObject({ kinds: z.array(z.string()), commit: z.string().nullable(), imported: z.literal(true).optional() })
    .optional(),
  aliases: z.array(versionSchema).optional(),
  /** Why. */
  yanked: z.string().optional(),
  retired: z.string().optional(),
  attestations: z.array(z.strictObject({ type: z.string(), digest: digestSchema, time: z.int() })).optional(),
});

const eventSchema = z.strictObject({
  leaf: leafIndex,
  time: z.int().nonnegative(),
  what: z.enum(["moved", "alias", "yanked", "unyanked", "retired", "refused", "attested"]),
  version: versionSchema,
  channel: channelSchema.optional(),
  /** What the channel showed before. */
  from: versionSchema.optional(),
  /** The alias, the reason, or what was refused. */
  text: z.string().optional(),
});

const packageSchema = z.strictObject({ kind: z.string(), name: z.string() });

const channelRowSchema = z.strictObject({
  channel: channelSchema,
  version: versionSchema,
  counter: z.int().positive(),
  time: z.int().nonnegative(),
  /** What clients install from it. */
  packages: z.array(packageSchema),
});

const olderReleasesSchema = z.strictObject({
  /** Leaf of its first release. */
  leaf: leafIndex,
  first: versionSchema,
  last: versionSchema,
  digest: digestSchema,
});

const nameStateSchema = z.strictObject({
  name: nameSchema,
  /** Every leaf about this name that lies before this one is taken in. */
  taken: leafIndex,
  /** The newest of its releases and moves, and when that was. */
  changed: leafIndex,
  time: z.int().nonnegative(),
  /** Fingerprints of the OpenPGP keys that clients want. */
  keys: z.array(z.string().regex(/^[0-9a-f]{40,64}$/)),
  summary: z.string().optional(),
  repository: z.string().optional(),
  channels: z.array(channelRowSchema),
  /** Oldest first. */
  releases: z.array(releaseRowSchema),
  olderReleases: z.array(olderReleasesSchema),
  /** Oldest first. */
  events: z.array(eventSchema),
  /** The newest page of older events, which leads to the one before it. */
  olderEvents: z.strictObject({ count: z.int(), digest: digestSchema }).optional(),
});

const frontRowSchema = z.strictObject({
  name: nameSchema,
  /** The newest leaf that changed this row. */
  leaf: leafIndex,
  time: z.int().nonnegative(),
  /** Its newest release; absent: none yet. */
  version: versionSchema.optional(),
  channels: z.array(z.tuple([channelSchema, versionSchema])),
  /** How many channels there are. */
  count: z.int().nonnegative(),
});

const listedNameSchema = z.strictObject({ name: nameSchema, channels: z.array(channelSchema), count: z.int() });

const frontStateSchema = z.strictObject({
  taken: leafIndex,
  /** The names that changed last; all names, while they are few. */
  recent: z.array(frontRowSchema),
  /** The list of all names, page by page; empty while they are few. */
  pages: z.array(
    z.strictObject({ first: nameSchema, last: nameSchema, count: z.int().positive(), digest: digestSchema }),
  ),
});

export type ReleaseRow = z.infer<typeof releaseRowSchema>;
export type Event = z.infer<typeof eventSchema>;
export type ChannelRow = z.infer<typeof channelRowSchema>;
export type Package = z.infer<typeof packageSchema>;
export type NameState = z.infer<typeof nameStateSchema>;
export type FrontRow = z.infer<typeof frontRowSchema>;
export type ListedName = z.infer<typeof listedNameSchema>;
export type FrontState = z.infer<typeof frontStateSchema>;

const changedSchema = z.strictObject({ changed: leafIndex });
const releasesSchema = z.strictObject({ releases: z.array(releaseRowSchema) });
const eventsSchema = z.strictObject({ before: digestSchema.nullable() });
const namesSchema = z.strictObject({ names: z.array(listedNameSchema) });

/** All of these throw STORE_CORRUPT, which names `key`. */
export const readNameState = reading(nameStateSchema);
export const readFrontState = reading(frontStateSchema);
export const readOlderReleases = reading(releasesSchema);
export const readOlderEvents = reading(eventsSchema);
export const readNames = reading(namesSchema);
export const readReleaseState = reading(changedSchema);

function reading<T>(schema: z.ZodType<T>): (bytes: Uint8Array, key: string) => T {
  return (bytes, key) => {
    const result = schema.safeParse(readPage(bytes, key).state);
    if (result.success) return result.data;
    throw corrupt(key, z.prettifyError(result.error));
  };
}
