// `kiln sync`: a store, or a part of it, mirrored to another store. It needs the pinned trust file and no key.

import { resolve } from "node:path";

import { checkName } from "../artifact/name.ts";
import type { Context } from "../context.ts";
import { isKilnError, KilnError } from "../errors.ts";
import { randomPause } from "../publish/pause.ts";
import { openStore } from "../stores/index.ts";
import type { ReadableStore } from "../stores/store.ts";
import { makeStore } from "../stores/writable.ts";
import { type Scope, scopeText } from "../sync/scope.ts";
import { plannedSync, sync as syncStores, type Synced } from "../sync/sync.ts";
import { size } from "./columns.ts";
import type { Command, Input, Result } from "./command.ts";
import { loadConfiguration } from "./configuration.ts";
import { checkPublicUrl } from "./public-url.ts";
import { originOf, readTrust } from "./store-access.ts";

export const sync: Command = {
  summary: "mirror a store, or what a channel shows, to another store",
  arguments: [
    { name: "SOURCE", description: "the store to mirror: a folder, s3://… or https://…" },
    { name: "TARGET", description: "the mirror: a folder or s3://…; a folder is made if there is none" },
    { name: "NAME", description: "only all releases of these names", count: "any" },
  ],
  options: [
    { flags: "--channel CHANNEL", description: "only what this channel shows, of all names" },
    { flags: "--public-url URL", description: "where clients will reach the mirror (default: https://ORIGIN/)" },
    { flags: "--all", description: "look at every object again, and write every view anew" },
    { flags: "--dry-run", description: "only say what would be copied" },
  ],
  examples: [
    "kiln sync https://releases.example.com /srv/mirror",
    "kiln sync ./store /media/disk/store --channel production",
    "kiln sync ./store 's3://mirror/releases' --public-url https://cdn.example.com/releases/",
  ],
  async run(input, context) {
    const [from = "", to = "", ...names] = input.arguments;
    const { channel, publicUrl, all, dryRun } = input.options;
    const [sourceUrl, targetUrl] = [from, to].map((url) => (url.includes("://") ? url : resolve(context.cwd, url)));
    if (sourceUrl === undefined || targetUrl === undefined || sourceUrl === targetUrl) {
      throw new KilnError("USAGE", "sync: got the same store as source and target", { hint: "name another target" });
    }
    const asked = scopeOf(channel, names);
    const source = await openStore(sourceUrl, context);
    const trust = await readTrust(await loadConfiguration(input, context), context, await originOf(source));
    const options = {
      source,
      trust,
      asked,
      publicUrl: typeof publicUrl === "string" ? checkPublicUrl(publicUrl, "sync") : undefined,
      all: all === true,
      context,
      pause: randomPause(context.signal),
    };
    if (dryRun === true) {
      const target = await openOrNothing(targetUrl, context);
      return resultOf(await plannedSync({ ...options, target }), { source, target, dryRun: true });
    }
    const target = await makeStore(targetUrl, context);
    return resultOf(await syncStores({ ...options, target }), { source, target, dryRun: false });
  },
};

function scopeOf(channel: Input["options"][string], names: readonly string[]): Scope {
  if (typeof channel === "string" && names.length > 0) {
    throw new KilnError("USAGE", "sync: got --channel and names, want one of them", {
      hint: "a mirror has what a channel shows, or all releases of some names",
    });
  }
  if (typeof channel === "string") return { channels: [checkName("channel", channel)] };
  if (names.length === 0) return {};
  return { names: [...new Set(names.map((name) => checkName("name", name)))].toSorted() };
}

/** A folder that isn't there yet holds nothing. */
async function openOrNothing(url: string, context: Context): Promise<ReadableStore> {
  try {
    return await openStore(url, context);
  } catch (error) {
    if (!isKilnError(error, "STORE_NOT_FOUND")) throw error;
    const nothing = async () => undefined;
    return { url, get: nothing, head: nothing };
  }
}

function resultOf(
  synced: Synced,
  {
    source,
    target,
    dryRun,
  }: { readonly source: ReadableStore; readonly target: ReadableStore; readonly dryRun: boolean },
): Result {
  const { scope, before, leaves, releases, objects, bytes, behind } = synced;
  const added = leaves - before;
  const done = dryRun ? "would copy" : "copied";
  const copied =
    objects === 0 && added === 0
      ? "nothing to copy"
      : `${done} ${objects} objects of ${releases} releases, ${size(bytes)}`;
  return {
    json: {
      source: source.url,
      target: target.url,
      dryRun,
      ...scope,
      before,
      leaves,
      releases,
      objects,
      bytes,
      behind,
    },
    text:
      behind > 0
        ? `${target.url} has ${behind} log entries more than ${source.url}: nothing was done`
        : [
            `${target.url}: ${dryRun ? "would mirror" : "mirrors"} ${scopeText(scope)} of ${source.url}`,
            `  ${copied}`,
            `  log of ${leaves} entries${added === 0 ? "" : `, ${added} of them new`}`,
          ].join("\n"),
  };
}
