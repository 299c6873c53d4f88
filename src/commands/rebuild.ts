// `kiln rebuild`: bakes a published release again from its provenance alone, and says which artifacts came out identical.
// The store is only read; what was published is verified before anything of it is believed.

import { createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

import { activators } from "../activators/index.ts";
import { digestOf } from "../artifact/digest.ts";
import { manifestBytes } from "../artifact/manifest.ts";
import { poolKey } from "../artifact/pool.ts";
import { predicateTypes, statementBytes } from "../artifact/statement.ts";
import type { Trust } from "../artifact/trust.ts";
import { checkOut, copyOut } from "../bake/copy-out.ts";
import { rebuild as run, type Published, type Rebuilt } from "../bake/rebuild.ts";
import type { Context } from "../context.ts";
import { KilnError } from "../errors.ts";
import { kinds } from "../kinds/index.ts";
import { version as kilnVersion } from "../program/version.ts";
import { attest, type Attested, checkMayAttest } from "../publish/attest.ts";
import type { Publisher } from "../publish/publisher.ts";
import { recipeSchema } from "../recipe/schema.ts";
import { readBlob, readWholeBlob } from "../stores/read.ts";
import type { ReadableStore } from "../stores/store.ts";
import { verifyRelease } from "../verify/release.ts";
import { outFolder } from "./bake-access.ts";
import { columns } from "./columns.ts";
import type { Command, Input, Result } from "./command.ts";
import { type Configuration, loadConfiguration } from "./configuration.ts";
import { keyOptions } from "./keys-access.ts";
import { openPublisher } from "./publisher-access.ts";
import { parseRelease } from "./release-options.ts";
import { openTrustedStore } from "./store-access.ts";

export const rebuild: Command = {
  summary: "bake a published release again from its provenance, and compare",
  arguments: [{ name: "NAME@VERSION", description: "a release (or an alias)" }],
  options: [
    {
      flags: "--source DIR",
      description: "a clone that has the commit; fetched from the recorded address if left out",
    },
    { flags: "--out DIR", description: "keep what was baked in DIR" },
    { flags: "--publish", description: "sign what came out, and publish it as an attestation of the release" },
    ...keyOptions,
  ],
  examples: [
    "kiln rebuild billing@1.4.7",
    "kiln rebuild billing@1.4.7 --source . --json",
    "kiln rebuild billing@1.4.7 --publish",
  ],
  async run(input, context) {
    const { name, version } = parseRelease(input.arguments[0] ?? "");
    const out = outFolder(input, context);
    if (out !== undefined) checkOut(out);
    const configuration = await loadConfiguration(input, context);
    // Before the bake: nobody waits for it in vain because of a passphrase.
    const publisher = input.options["publish"] === true ? await openPublisher(configuration, context) : undefined;
    if (publisher !== undefined) await checkMayAttest(publisher, name);
    const { store, trust } = publisher ?? (await openTrustedStore(configuration, context));
    const published = await readPublished({ store, trust, name, version, context });
    const folder = await mkdtemp(join(tmpdir(), "kiln-rebuild-"));
    try {
      const rebuilt = await run(
        published,
        { ...optionsOf(input, configuration, context), folder, keep: out !== undefined },
        context,
      );
      if (out !== undefined) await copyOut(rebuilt.bake.folder, out);
      const attested = publisher === undefined ? null : await publish(publisher, published, rebuilt);
      return resultOf({ published, rebuilt, out, attested });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

function optionsOf({ options }: Input, { mirrors }: Configuration, { cwd }: Context) {
  const { source } = options;
  return {
    source: typeof source === "string" ? resolve(cwd, source) : undefined,
    schema: recipeSchema({ kinds, activators }),
    node: { path: process.execPath, versions: process.versions },
    kiln: kilnVersion,
    bases: { mirrors },
  };
}

interface Wanted {
  readonly store: ReadableStore;
  readonly trust: Trust;
  readonly name: string;
  readonly version: string;
  readonly context: Context;
}

/** Throws the first of what verifying found: there is no sense in repeating what wasn't published. */
async function readPublished(wanted: Wanted): Promise<Published> {
  const { store } = wanted;
  const { subject, verdict, findings, manifest } = await verifyRelease(wanted);
  if (verdict !== "verified" || manifest === undefined) {
    const first = findings.find(({ severity }) => severity === "error");
    throw new KilnError(first?.code ?? "STORE_CORRUPT", first?.message ?? `${subject}: it couldn't be verified`, {
      hint: `\`kiln verify ${subject}\` says all that is wrong with it`,
    });
  }
  return {
    manifest,
    provenance: await readWholeBlob(store, poolKey(manifest.provenance), manifest.provenance.sha256),
    copyTo: (artifact, path) =>
      pipeline(Readable.from(readBlob(store, poolKey(artifact), artifact)), createWriteStream(path, { flags: "wx" })),
  };
}

/** Signed and logged by whoever rebuilt it, whatever came out. */
async function publish(publisher: Publisher, { manifest }: Published, rebuilt: Rebuilt): Promise<Attested> {
  const identity = digestOf(manifestBytes(manifest));
  return await attest(publisher, {
    name: manifest.name,
    version: manifest.version,
    manifest: identity,
    predicateType: predicateTypes.rebuild,
    statement: statementBytes(predicateTypes.rebuild, manifest.artifacts, {
      rebuilder: { id: `urn:kiln:builder:${rebuilt.recorded.isolation}`, version: { kiln: kilnVersion } },
      manifest: identity,
      result: rebuilt.artifacts.every(({ identical }) => identical) ? "identical" : "different",
      artifacts: rebuilt.artifacts.map(({ file, sha256, rebuilt: own }) => ({ file, sha256, rebuilt: own })),
      inputs: rebuilt.inputs,
    }),
  });
}

interface Outcome {
  readonly published: Published;
  readonly rebuilt: Rebuilt;
  readonly out: string | undefined;
  readonly attested: Attested | null;
}

function resultOf({ published: { manifest }, rebuilt, out, attested }: Outcome): Result {
  const { bake, artifacts, inputs } = rebuilt;
  const { name, version, source } = manifest;
  const isSame = artifacts.every(({ identical }) => identical);
  const rows = artifacts.map(({ file, identical, sha256 }) => [
    `  ${identical ? "identical" : "different"}`,
    file,
    sha256.slice(0, 12),
  ]);
  const same = artifacts.filter(({ identical }) => identical).length;
  const differences = artifacts.flatMap(({ file, difference }) =>
    difference === null ? [] : [`  ${file}: ${difference}`],
  );
  return {
    json: {
      name,
      version,
      identical: isSame,
      source,
      artifacts,
      inputs,
      folder: out ?? null,
      attestation: attested,
      bakeKey: bake.bakeKey,
    },
    text: [
      `${name}@${version}: ${sameText(same, artifacts.length)} came out identical`,
      columns(rows),
      ...(differences.length === 0 ? [] : ["published, and then rebuilt:", ...differences]),
      ...(inputs.length === 0
        ? []
        : [
            "inputs that aren't the recorded ones:",
            columns(
              inputs.map(({ input, recorded, now }) => [`  ${input}`, `${recorded ?? "none"} → ${now ?? "none"}`]),
            ),
          ]),
      ...(attested === null ? [] : [`attested: ${predicateTypes.rebuild}, leaf ${attested.leaf}`]),
    ].join("\n"),
    exit: isSame ? 0 : 1,
  };
}

function sameText(same: number, count: number): string {
  if (count === 1) return same === 1 ? "the artifact" : "0 of 1 artifact";
  return `${same === count ? "all" : `${same} of`} ${count} artifacts`;
}
