// `kiln publish`: signs what was baked and commits it to the store, with its channel and alias, in one append.
// Without a folder it bakes first. A commit that was released before is never baked again: its release gets the pointers.

import { resolve } from "node:path";

import type { Manifest } from "../artifact/manifest.ts";
import { checkName } from "../artifact/name.ts";
import { poolKey } from "../artifact/pool.ts";
import { type Bake, openBakeFolder } from "../publish/bake-folder.ts";
import { readManifest } from "../publish/gates.ts";
import { type Published, publishRelease } from "../publish/release.ts";
import { bakeOptions } from "./bake-options.ts";
import { columns, size } from "./columns.ts";
import type { Command, Input, Result } from "./command.ts";
import { loadConfiguration } from "./configuration.ts";
import { gateText } from "./gate-text.ts";
import { keyOptions } from "./keys-access.ts";
import { openPublisher } from "./publisher-access.ts";

export const publish: Command = {
  summary: "sign and publish what was baked; bakes first unless a folder is given",
  arguments: [{ name: "DIR", description: "folders of bakes: one, or those of all cells of a matrix", count: "any" }],
  options: [
    { flags: "--channel CHANNEL", description: "make this channel show the release, whatever the recipe says" },
    ...bakeOptions,
    ...keyOptions,
  ],
  examples: [
    "kiln publish --store ./store",
    "kiln publish ./out --channel staging --store ./store",
    "kiln publish ./bookworm ./trixie --store ./store",
  ],
  async run(input, context) {
    const publisher = await openPublisher(await loadConfiguration(input, context), context);
    const channel = askedChannel(input);
    const published =
      input.arguments.length === 0
        ? await (await import("./bake-and-publish.ts")).bakeAndPublish(publisher, { input, context, channel })
        : await publishRelease(publisher, {
            bake: await openBakes(input.arguments.map((folder) => resolve(context.cwd, folder))),
            channel: channel === undefined ? undefined : { channel },
          });
    return resultOf(published, await readManifest(publisher.store, published.release.manifest));
  },
};

/** One bake, or the bakes of the cells of one release, from one machine or several. Throws BAKE_MISMATCH. */
async function openBakes(folders: readonly string[]): Promise<Bake> {
  const bakes = await Promise.all(folders.map(openBakeFolder));
  const { joinBakes } = await import("./join-bakes.ts");
  return await joinBakes(bakes, folders);
}

function askedChannel({ options }: Input): string | undefined {
  const { channel } = options;
  return typeof channel === "string" ? checkName("channel", channel) : undefined;
}

function resultOf({ release, added, moved, treeSize, gates }: Published, { artifacts }: Manifest): Result {
  const { name, version, manifest, leaf } = release;
  return {
    json: {
      name,
      version,
      manifest,
      leaf,
      treeSize,
      channel: moved,
      added,
      gates,
      artifacts: artifacts.map((artifact) => ({
        name: artifact.name,
        kind: artifact.kind,
        sha256: artifact.sha256,
        size: artifact.size,
        key: poolKey(artifact),
      })),
    },
    text: [
      `${added ? "published" : "was published before:"} ${name}@${version}  ${manifest.slice(0, 12)}, leaf ${leaf} of ${treeSize}`,
      columns(artifacts.map((artifact) => [`  ${artifact.file}`, artifact.kind, size(artifact.size)])),
      ...gates.map(gateText),
      ...(moved === null ? [] : [`${name}:${moved} shows ${version}`]),
    ].join("\n"),
  };
}
