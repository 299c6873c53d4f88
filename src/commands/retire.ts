// `kiln retire`: says in the log that the artifacts of releases needn't be kept: of those that are named, or of all but what a policy
// keeps. Nothing is removed: `kiln gc` does that.

import { readFile } from "node:fs/promises";
import { resolve } from "node:path";

import { checkName } from "../artifact/name.ts";
import type { Context } from "../context.ts";
import { isSystemError, KilnError } from "../errors.ts";
import { retire as retireReleases, type Retirement, toRetire } from "../publish/retire.ts";
import { openStore } from "../stores/index.ts";
import { openCatalog } from "./catalog-access.ts";
import type { Command, Input } from "./command.ts";
import { loadConfiguration, requireStore } from "./configuration.ts";
import { keyOptions } from "./keys-access.ts";
import { openPublisher } from "./publisher-access.ts";
import { parseRelease, reasonOf, reasonOption } from "./release-options.ts";
import { originOf } from "./store-access.ts";

export const retire: Command = {
  summary: "say that the artifacts of old releases needn't be kept; all but the newest, or those that are named",
  arguments: [
    {
      name: "NAME@VERSION|NAME",
      description: "releases to retire; with --keep, the names that it is about (all, if none is given)",
      count: "any",
    },
  ],
  options: [
    reasonOption,
    { flags: "--keep COUNT", description: "retire all but the newest COUNT releases of each channel" },
    {
      flags: "--channel CHANNELS",
      description: "with --keep: only what these channels showed, as staging,branch-*; of others all is kept",
    },
    {
      flags: "--deployed FILE",
      description: "with --keep: keep what stands in FILE: NAME@VERSION, or what `kiln status --json` printed on hosts",
    },
    { flags: "--dry-run", description: "say what would be retired; needs no key" },
    ...keyOptions,
  ],
  examples: [
    "kiln retire billing@1.4.7 --reason 'three years old'",
    "kiln retire --keep 10 --reason 'ten of each channel' --dry-run",
    "kiln retire billing --keep 3 --channel 'branch-*' --deployed hosts.txt --reason 'old branches'",
  ],
  async run(input, context) {
    const wanted = await retirementOf(input, context);
    const isDryRun = input.options["dryRun"] === true;
    const reason = isDryRun && input.options["reason"] === undefined ? "" : reasonOf(input);
    const configuration = await loadConfiguration(input, context);
    if (isDryRun) {
      const store = await openStore(requireStore(configuration), context);
      await originOf(store);
      return resultOf({ releases: await toRetire(await openCatalog(store), wanted), treeSize: null }, reason);
    }
    return resultOf(await retireReleases(await openPublisher(configuration, context), { ...wanted, reason }), reason);
  },
};

async function retirementOf({ arguments: named, options }: Input, context: Context): Promise<Retirement> {
  const { keep, channel, deployed } = options;
  if (keep === undefined) {
    const only = channel === undefined ? deployed : channel;
    if (only !== undefined) throw new KilnError("USAGE", "got --channel or --deployed without --keep");
    if (named.length > 0) return { releases: named.map(parseRelease) };
    throw new KilnError("USAGE", "got nothing to retire, want NAME@VERSION or --keep COUNT", {
      hint: "`kiln list NAME` shows what exists",
    });
  }
  const count = Number(keep);
  if (!/^[0-9]{1,6}$/.test(String(keep)) || count < 1) {
    throw new KilnError("USAGE", `--keep: got ${JSON.stringify(keep)}, want a number from 1 on`);
  }
  const names = named.map((name) => checkName("name", name));
  const channels = typeof channel === "string" ? channel.split(",").map(checkPattern) : ["*"];
  const running = typeof deployed === "string" ? await readDeployed(resolve(context.cwd, deployed)) : [];
  return { names, policy: { keep: count, channels, deployed: new Set(running) } };
}

function checkPattern(text: string): string {
  if (text !== "*") checkName("channel", text.endsWith("*") ? text.slice(0, -1) : text);
  return text;
}

/** Whatever in the text looks like a release or a manifest's digest: it is only kept, so one too many does no harm. */
async function readDeployed(path: string): Promise<string[]> {
  try {
    const text = await readFile(path, "utf8");
    const found = text.match(/\b[0-9a-f]{64}\b|[^\s"'@]+@[^\s"'@]+/g) ?? [];
    if (found.length > 0) return found;
  } catch (cause) {
    if (!isSystemError(cause, "ENOENT", "ENOTDIR", "EISDIR")) throw cause;
    throw new KilnError("USAGE", `--deployed ${path}: got no such file`, { cause });
  }
  throw new KilnError("USAGE", `--deployed ${path}: got neither NAME@VERSION nor a manifest's digest in it`, {
    hint: "collect what `kiln status --json` prints on each host",
  });
}

function resultOf(
  { releases, treeSize }: { readonly releases: readonly ReleaseLine[]; readonly treeSize: number | null },
  reason: string,
) {
  const verb = treeSize === null ? "would retire" : "retired";
  return {
    json: {
      dryRun: treeSize === null,
      reason,
      treeSize,
      releases: releases.map(({ name, version, manifest }) => ({ name, version, manifest })),
    },
    text:
      releases.length === 0
        ? "nothing to retire"
        : releases.map(({ name, version }) => `${verb} ${name}@${version}`).join("\n"),
  };
}

interface ReleaseLine {
  readonly name: string;
  readonly version: string;
  readonly manifest: string;
}
