// `kiln show`: one release — where it comes from, what it is made of, who points at it — or the history of one name.

import { attestationKey, parseAttestation, rebuildResult } from "../artifact/attestation.ts";
import { type Imported, manifestFile, parseManifest } from "../artifact/manifest.ts";
import { checkName } from "../artifact/name.ts";
import { poolKey } from "../artifact/pool.ts";
import { KilnError } from "../errors.ts";
import { openStore } from "../stores/index.ts";
import { readWholeBlob } from "../stores/read.ts";
import type { ReadableStore } from "../stores/store.ts";
import {
  aliases,
  attestations,
  type CatalogReader,
  channels,
  findAlias,
  findRelease,
  moves,
  findRetired,
  type RefusalRow,
  refusals,
  withdrawalOf,
  yanksOf,
  type YankRow,
} from "../views/catalog.ts";
import { attestationsOf, attestationText, laterText } from "./attestations.ts";
import { openCatalog } from "./catalog-access.ts";
import { columns, day, size } from "./columns.ts";
import type { Command, Result } from "./command.ts";
import { loadConfiguration, requireStore } from "./configuration.ts";
import { nativeOf, nativesIn } from "./natives.ts";
import { refusalText } from "./refusal-text.ts";
import { originOf } from "./store-access.ts";

export const show: Command = {
  summary: "one release: its source, artifacts, channels and aliases; or the history of one name's channels",
  arguments: [{ name: "NAME[@VERSION]", description: "a release (an alias will do), or a name" }],
  examples: ["kiln show billing@1.4.7", "kiln show billing"],
  async run(input, context) {
    const [asked = ""] = input.arguments;
    const [name = "", version] = asked.split("@", 2);
    checkName("name", name);
    if (version !== undefined) checkName("version", version);
    const store = await openStore(requireStore(await loadConfiguration(input, context)), context);
    await originOf(store);
    const catalog = await openCatalog(store);
    return version === undefined ? showName(catalog, name) : showRelease({ store, catalog, name, version });
  },
};

async function showName(catalog: CatalogReader, name: string): Promise<Result> {
  const at = await Array.fromAsync(channels(catalog, name));
  const history = (await Array.fromAsync(moves(catalog, name))).toSorted((a, b) => b.move.leaf - a.move.leaf);
  const refused = await refusalsOf(catalog, name);
  if (at.length === 0 && (await Array.fromAsync(catalog.rows(`${name} `))).length === 0) throw unknown(name);
  const json = {
    name,
    channels: Object.fromEntries(at.map(({ channel, shows }) => [channel, shows.version])),
    moves: history.map(({ channel, move: { version, manifest, leaf, time } }) => ({
      channel,
      version,
      manifest,
      leaf,
      time,
    })),
    refusals: refused,
  };
  const text = [
    columns(at.map(({ channel, shows }) => [`:${channel}`, shows.version, `since ${day(shows.time)}`])),
    "",
    "moves, newest first:",
    columns(
      history.map(({ channel, move }) => [`  ${day(move.time)}`, `:${channel}`, move.version, `leaf ${move.leaf}`]),
    ),
  ].join("\n");
  const none = `${name} has no channels yet; \`kiln list ${name}\` shows its versions`;
  return { json, text: [at.length === 0 ? none : text, ...refusalLines(name, refused)].join("\n") };
}

/** What gates refused, newest first. */
async function refusalsOf(catalog: CatalogReader, name: string): Promise<RefusalRow[]> {
  return (await Array.fromAsync(refusals(catalog, name))).toSorted((a, b) => b.leaf - a.leaf);
}

function refusalLines(name: string, refused: readonly RefusalRow[]): string[] {
  if (refused.length === 0) return [];
  const lines = refused.map((one) => `  ${day(one.time)}  ${refusalText({ ...one, name })}, leaf ${one.leaf}`);
  return ["", "refused, newest first:", ...lines];
}

async function showRelease(options: {
  readonly store: ReadableStore;
  readonly catalog: CatalogReader;
  readonly name: string;
  readonly version: string;
}): Promise<Result> {
  const { store, catalog, name } = options;
  const alias = await findAlias(catalog, name, options.version);
  const row = await findRelease(catalog, name, alias?.version ?? options.version);
  const shown = row?.version ?? options.version;
  const refused = (await refusalsOf(catalog, name)).filter((one) => one.version === shown);
  if (row === undefined)
    throw unknown(`${name}@${options.version}`, refused[0] && refusalText({ ...refused[0], name }));
  const { version, leaf, time } = row;
  const key = poolKey({ sha256: row.manifest, file: manifestFile });
  const manifest = parseManifest(await readWholeBlob(store, key, row.manifest), key);
  const also = (await Array.fromAsync(aliases(catalog, name))).filter(({ release }) => release.version === version);
  const at = (await Array.fromAsync(channels(catalog, name))).filter(({ shows }) => shows.version === version);
  const { repository, commit, recipe } = manifest.source;
  const natives = await nativesIn({ store, name, version, manifest });
  const artifacts = manifest.artifacts.map((artifact) => ({
    name: artifact.name,
    kind: artifact.kind,
    platform: artifact.platform,
    sha256: artifact.sha256,
    size: artifact.size,
    key: poolKey(artifact),
    ...nativeOf(natives.get(artifact.name)),
  }));
  const json = {
    name,
    version,
    manifest: row.manifest,
    leaf,
    time,
    source: manifest.source,
    bakeKey: manifest.bakeKey,
    cells: manifest.cells ?? [],
    aliases: also.map(({ alias }) => alias),
    channels: at.map(({ channel }) => channel),
    artifacts,
    ...(manifest.imported === undefined ? {} : { imported: manifest.imported }),
    checks: manifest.checks ?? {},
    gates: manifest.gates ?? [],
    attestations: attestationsOf(manifest),
    attested: await attestedLater({ store, catalog, name, version }),
    refusals: refused,
    ...(await withdrawalOf(catalog, name, version)),
  };
  const text = [
    `${name}@${version}`,
    columns([
      ["  manifest", row.manifest],
      ...(manifest.imported === undefined
        ? [
            ["  commit", `${commit ?? "none (a dirty tree)"}${repository === null ? "" : ` of ${repository}`}`],
            ["  recipe", recipe],
          ]
        : importLines(manifest.imported)),
      ["  logged", `${day(time)}, leaf ${leaf}`],
      ...(await withdrawalRows({ catalog, name, version })),
      ["  channels", json.channels.join(" ") || "none"],
      ...(also.length === 0 ? [] : [["  aliases", json.aliases.join(" ")]]),
      ...(json.gates.length === 0 ? [] : [["  gates", json.gates.map((gate) => gate.name).join(" ")]]),
      ...json.attestations.map((one) => ["  attested", attestationText(one)]),
      ...json.attested.map((one) => ["  attested", laterText(one)]),
    ]),
    "  artifacts",
    columns(
      artifacts.flatMap((artifact) => [
        [`    ${artifact.name}`, artifact.kind, size(artifact.size), artifact.key],
        ...("native" in artifact ? [["", "signed", size(artifact.native.size), artifact.native.key]] : []),
      ]),
    ),
    ...refusalLines(name, refused),
  ].join("\n");
  return { json, text };
}

/** Each time it was yanked, or that was taken back, and whether it was retired: oldest first. */
async function withdrawalRows(options: {
  readonly catalog: CatalogReader;
  readonly name: string;
  readonly version: string;
}): Promise<string[][]> {
  const { catalog, name, version } = options;
  const said = ({ leaf, time }: Pick<YankRow, "leaf" | "time">) => `${day(time)}, leaf ${leaf}`;
  const yanked = await Array.fromAsync(yanksOf(catalog, name, version));
  const retired = await findRetired(catalog, name, version);
  return [
    ...yanked.map((row) =>
      row.reason === null ? ["  unyanked", said(row)] : ["  yanked", `${said(row)}: ${row.reason}`],
    ),
    ...(retired === undefined ? [] : [["  retired", `${said(retired)}: ${retired.reason}`]]),
  ];
}

/** What is known of files that were made elsewhere. */
function importLines({ origin, note, files }: Imported): string[][] {
  return [
    ["  imported", origin ?? note ?? "made elsewhere; nobody says where"],
    ...(origin === undefined || note === undefined ? [] : [["", note]]),
    ...files.map(({ name, sha256 }) => ["", `${name}  ${sha256}`]),
  ];
}

/** What was attested after the release, as the catalog and the pool say: `verify` is for believing it. */
async function attestedLater(options: {
  readonly store: ReadableStore;
  readonly catalog: CatalogReader;
  readonly name: string;
  readonly version: string;
}) {
  const rows = await Array.fromAsync(attestations(options.catalog, options.name, options.version));
  return await Promise.all(
    rows
      .toSorted((a, b) => a.leaf - b.leaf)
      .map(async ({ leaf, predicateType, digest }) => {
        const key = attestationKey(digest);
        const envelope = parseAttestation(await readWholeBlob(options.store, key, digest), key);
        return { leaf, predicateType, digest, ...rebuildResult(envelope) };
      }),
  );
}

function unknown(what: string, refusal?: string): KilnError {
  return new KilnError("NOT_FOUND", `${what}: there is no such ${what.includes("@") ? "release" : "name"}`, {
    hint: refusal === undefined ? "`kiln list` shows what exists" : `it was refused: ${refusal}`,
  });
}
