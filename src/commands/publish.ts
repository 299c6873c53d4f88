// `kiln publish`: signs what was baked and commits it to the store, with its channel and alias, in one append.
// Without a folder it bakes first. A commit that was released before is never baked again: its release gets the pointers.
// Folders of one name and version are the cells of one release; folders of several releases are published as a batch, and so are files
// that were made elsewhere: src/import.

import { resolve } from "node:path";

import { checkName } from "../artifact/name.ts";
import { poolKey } from "../artifact/pool.ts";
import { isKilnError, KilnError } from "../errors.ts";
import { type Bake, openBakeFolder } from "../publish/bake-folder.ts";
import { readManifest } from "../publish/gates.ts";
import type { Answer, Published } from "../publish/group.ts";
import type { Pointers } from "../publish/pointing.ts";
import type { Publisher } from "../publish/publisher.ts";
import { publishRelease } from "../publish/release.ts";
import { bakeOptions } from "./bake-options.ts";
import { columns, size } from "./columns.ts";
import type { Command, Input, Result } from "./command.ts";
import { loadConfiguration } from "./configuration.ts";
import { gateText } from "./gate-text.ts";
import { importOptions, openImports, sorted } from "./imports.ts";
import { keyOptions } from "./keys-access.ts";
import { openPublisher } from "./publisher-access.ts";

export const publish: Command = {
  summary: "sign and publish what was baked; bakes first unless a folder is given",
  arguments: [
    {
      name: "DIR|FILE",
      description:
        "folders of bakes: of one release, all cells of its matrix, or of many; packages that were made elsewhere",
      count: "any",
    },
  ],
  options: [
    { flags: "--channel CHANNEL", description: "make this channel show the release, whatever the recipe says" },
    ...bakeOptions,
    ...importOptions,
    ...keyOptions,
  ],
  examples: [
    "kiln publish --store ./store",
    "kiln publish ./out --channel staging --store ./store",
    "kiln publish ./bookworm ./trixie --store ./store",
    "kiln publish ./out/* --channel staging --store ./store",
    "kiln publish tool_2.1_amd64.deb --origin https://vendor.example.com/tool_2.1_amd64.deb --channel vendor --store ./store",
  ],
  async run(input, context) {
    const publisher = await openPublisher(await loadConfiguration(input, context), context);
    const channel = askedChannel(input);
    const given = await sorted(input.arguments.map((path) => resolve(context.cwd, path)));
    const imports = await openImports(given.files, input, context);
    if (input.arguments.length === 0) {
      const { bakeAndPublish } = await import("./bake-and-publish.ts");
      return resultOf(publisher, await bakeAndPublish(publisher, { input, context, channel }));
    }
    const releases = [...(await openReleases(given.folders)), ...imports.map(importedRelease)];
    const pointers = { channel: channel === undefined ? undefined : { channel } };
    const [only, ...others] = releases;
    if (only !== undefined && others.length === 0) {
      return resultOf(publisher, await publishRelease(publisher, { bake: await openBake(only), ...pointers }));
    }
    return publishMany(publisher, releases, pointers);
  },
};

/** The bakes of the cells of one release, from one machine or several. */
interface Cells {
  readonly name: string;
  readonly version: string;
  readonly bakes: readonly { readonly folder: string; readonly bake: Bake }[];
}

async function openReleases(folders: readonly string[]): Promise<readonly Cells[]> {
  const bakes = await Promise.all(folders.map(async (folder) => ({ folder, bake: await openBakeFolder(folder) })));
  const releases = Map.groupBy(bakes, ({ bake: { manifest } }) => `${manifest.name}@${manifest.version}`);
  return [...releases.values()].map((cells) => {
    const { name, version } = (cells[0] as (typeof cells)[number]).bake.manifest;
    return { name, version, bakes: cells };
  });
}

function importedRelease(bake: Bake): Cells {
  const { name, version } = bake.manifest;
  return { name, version, bakes: [{ folder: "", bake }] };
}

/** Throws BAKE_MISMATCH. */
async function openBake({ bakes }: Cells): Promise<Bake> {
  const { joinBakes } = await import("./join-bakes.ts");
  return joinBakes(
    bakes.map(({ bake }) => bake),
    bakes.map(({ folder }) => folder),
  );
}

async function publishMany(publisher: Publisher, releases: readonly Cells[], pointers: Pointers): Promise<Result> {
  const joined = await Promise.all(releases.map(orMismatch));
  const whole = joined.flatMap((bake) => (bake instanceof KilnError ? [] : [bake]));
  const { publishAll } = await import("../publish/batch.ts");
  const answers = [
    ...(await publishAll(
      publisher,
      whole.map((bake) => ({ bake, ...pointers })),
    )),
  ];
  const all = joined.map((bake) => (bake instanceof KilnError ? bake : (answers.shift() as Answer)));
  const results: Result[] = [];
  for (const [at, answer] of all.entries()) {
    const failed = answer instanceof KilnError;
    results.push(failed ? failureOf(releases[at] as Cells, answer) : await resultOf(publisher, answer));
  }
  const failed = all.filter((answer) => answer instanceof KilnError).length;
  return {
    json: { releases: results.map(({ json }) => json), failed },
    text: results.map(({ text }) => text).join("\n"),
    ...(failed > 0 ? { exit: 1 } : {}),
  };
}

async function orMismatch(cells: Cells): Promise<Bake | KilnError> {
  try {
    return await openBake(cells);
  } catch (error) {
    if (isKilnError(error, "BAKE_MISMATCH")) return error;
    throw error;
  }
}

function failureOf({ name, version }: Cells, { code, message, hint }: KilnError): Result {
  return {
    json: { name, version, error: { code, message, hint } },
    text: [`failed: ${message} [${code}]`, ...(hint === undefined ? [] : [`  hint: ${hint}`])].join("\n"),
  };
}

function askedChannel({ options }: Input): string | undefined {
  const { channel } = options;
  return typeof channel === "string" ? checkName("channel", channel) : undefined;
}

async function resultOf({ store }: Publisher, published: Published): Promise<Result> {
  const { release, added, moved, treeSize, gates } = published;
  const { name, version, manifest, leaf } = release;
  const { artifacts } = await readManifest(store, manifest);
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
