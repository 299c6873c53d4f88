// `kiln list`: the names in a store with what their channels show, or the versions of one name.

import { checkName } from "../artifact/name.ts";
import { KilnError } from "../errors.ts";
import { openStore } from "../stores/index.ts";
import {
  aliases,
  type CatalogReader,
  channels,
  names,
  releases,
  retirements,
  type Withdrawal,
  yanks,
} from "../views/catalog.ts";
import { openCatalog } from "./catalog-access.ts";
import { columns, day } from "./columns.ts";
import type { Command, Result } from "./command.ts";
import { loadConfiguration, requireStore } from "./configuration.ts";
import { originOf } from "./store-access.ts";

export const list: Command = {
  summary: "what exists: names and their channels, or the versions of one name",
  arguments: [{ name: "NAME", description: "list this name's versions, newest first", count: "optional" }],
  examples: ["kiln list", "kiln list billing"],
  async run(input, context) {
    const store = await openStore(requireStore(await loadConfiguration(input, context)), context);
    await originOf(store);
    const catalog = await openCatalog(store);
    const [name] = input.arguments;
    return name === undefined ? listNames(catalog) : listVersions(catalog, checkName("name", name));
  },
};

async function listNames(catalog: CatalogReader): Promise<Result> {
  const rows: { name: string; releases: number; newest: string | null; channels: Record<string, string> }[] = [];
  for await (const name of names(catalog)) {
    const versions = await Array.fromAsync(releases(catalog, name));
    const newest = versions.toSorted((a, b) => b.leaf - a.leaf)[0];
    const shown: Record<string, string> = {};
    for await (const { channel, shows } of channels(catalog, name)) shown[channel] = shows.version;
    rows.push({ name, releases: versions.length, newest: newest?.version ?? null, channels: shown });
  }
  const text = columns(
    rows.map(({ name, newest, releases: count, channels: shown }) => [
      name,
      newest ?? "",
      count === 1 ? "1 release" : `${count} releases`,
      Object.entries(shown)
        .map(([channel, version]) => `${channel}=${version}`)
        .join(" "),
    ]),
  );
  return { json: { names: rows }, text: rows.length === 0 ? "nothing was published yet" : text };
}

async function listVersions(catalog: CatalogReader, name: string): Promise<Result> {
  const shown = await Array.fromAsync(channels(catalog, name));
  const others = await Array.fromAsync(aliases(catalog, name));
  const retired = new Map((await Array.fromAsync(retirements(catalog, name))).map((row) => [row.version, row.reason]));
  const yanked = new Map((await Array.fromAsync(yanks(catalog, name))).map((row) => [row.version, row.reason]));
  const rows = (await Array.fromAsync(releases(catalog, name)))
    .toSorted((a, b) => b.leaf - a.leaf)
    .map(({ version, manifest, commit, leaf, time }) => ({
      version,
      manifest,
      commit,
      leaf,
      time,
      aliases: others.filter(({ release }) => release.version === version).map(({ alias }) => alias),
      channels: shown.filter(({ shows }) => shows.version === version).map(({ channel }) => channel),
      yanked: yanked.get(version) ?? null,
      retired: retired.get(version) ?? null,
    }));
  if (rows.length === 0) {
    throw new KilnError("NOT_FOUND", `${name}: there is no such name`, { hint: "`kiln list` shows what exists" });
  }
  const text = columns(
    rows.map(({ version, manifest, commit, time, aliases: also, channels: at, ...withdrawal }) => [
      version,
      manifest.slice(0, 12),
      commit?.slice(0, 12) ?? "no commit",
      day(time),
      [...at.map((channel) => `:${channel}`), ...also.map((alias) => `= ${alias}`), ...withdrawalText(withdrawal)].join(
        " ",
      ),
    ]),
  );
  return { json: { name, releases: rows }, text };
}

function withdrawalText({ yanked, retired }: Withdrawal): string[] {
  return [...(yanked === null ? [] : [`yanked: ${yanked}`]), ...(retired === null ? [] : [`retired: ${retired}`])];
}
