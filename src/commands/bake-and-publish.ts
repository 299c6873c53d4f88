// Publishing what the working folder asks to be baked, under the channel and the alias that its ref leads to.

import { versionSchema } from "../artifact/name.ts";
import { bakeAll } from "../bake/bake-all.ts";
import type { Prepared } from "../bake/prepare.ts";
import type { Context } from "../context.ts";
import { openBakeFolder } from "../publish/bake-folder.ts";
import { checkVersionIsFree } from "../publish/decide.ts";
import type { Published } from "../publish/group.ts";
import type { Pointers } from "../publish/pointing.ts";
import type { Publisher } from "../publish/publisher.ts";
import { pointAt, publishRelease } from "../publish/release.ts";
import { channelOf } from "../recipe/channel.ts";
import { isAheadOf } from "./ahead.ts";
import { withBake } from "./bake-access.ts";
import { openCatalog } from "./catalog-access.ts";
import type { Input } from "./command.ts";

export interface BakeAndPublish {
  readonly input: Input;
  readonly context: Context;
  /** The channel that --channel names; it counts instead of the recipe's. */
  readonly channel: string | undefined;
}

/** Throws what baking and publishing throw. */
export async function bakeAndPublish(publisher: Publisher, asked: BakeAndPublish): Promise<Published> {
  const { input, context } = asked;
  return withBake({ input, context, next: "reserve" }, async (prepared) => {
    const pointers = pointersOf(prepared, asked, publisher);
    if ("released" in prepared) return pointAt(publisher, prepared.released, pointers);
    const { name, version, source } = prepared.orders[0].plan;
    // The catalog may be behind the log, so this is asked again, exactly, when it is committed.
    const catalog = await openCatalog(publisher.store);
    if (source.commit !== null) await checkVersionIsFree(catalog, { name, version, commit: source.commit });
    const { folder } = await bakeAll(prepared.orders, { folder: prepared.folder, check: "once" }, context);
    return publishRelease(publisher, { bake: await openBakeFolder(folder), ...pointers });
  });
}

/** Where the ref leads: a branch to its channel, never back; a tag to its channel, and to an alias. */
function pointersOf({ recipe, ref, repository }: Prepared, asked: BakeAndPublish, publisher: Publisher): Pointers {
  const channel = asked.channel ?? (ref === undefined ? undefined : channelOf(recipe.channels, ref));
  const tag = ref?.startsWith("refs/tags/") ? ref.slice("refs/tags/".length) : undefined;
  const isAhead = tag === undefined ? isAheadOf(repository, publisher.store) : undefined;
  return {
    channel: channel === undefined ? undefined : { channel, isAhead },
    alias: tag !== undefined && versionSchema.safeParse(tag).success ? tag : undefined,
  };
}
