// `kiln rebuild`: bakes a published release again from its provenance alone, and says which artifacts came out identical.
// The store is only read; what was published is verified before anything of it is believed.

import { createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

import { activators } from "../activators/index.ts";
import { checkName } from "../artifact/name.ts";
import { poolKey } from "../artifact/pool.ts";
import type { Trust } from "../artifact/trust.ts";
import { checkOut, copyOut } from "../bake/copy-out.ts";
import { rebuild as run, type Published, type Rebuilt } from "../bake/rebuild.ts";
import type { Context } from "../context.ts";
import { KilnError } from "../errors.ts";
import { kinds } from "../kinds/index.ts";
import { version as kilnVersion } from "../program/version.ts";
import { recipeSchema } from "../recipe/schema.ts";
import { readBlob, readWholeBlob } from "../stores/read.ts";
import type { ReadableStore } from "../stores/store.ts";
import { verifyRelease } from "../verify/release.ts";
import { outFolder } from "./bake-access.ts";
import { columns } from "./columns.ts";
import type { Command, Input, Result } from "./command.ts";
import { type Configuration, loadConfiguration } from "./configuration.ts";
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
  ],
  examples: ["kiln rebuild billing@1.4.7", "kiln rebuild billing@1.4.7 --source . --json"],
  async run(input, context) {
    const [name, version] = parseRelease(input.arguments[0] ?? "");
    const out = outFolder(input, context);
    if (out !== undefined) checkOut(out);
    const configuration = await loadConfiguration(input, context);
    const { store, trust } = await openTrustedStore(configuration, context);
    const published = await readPublished({ store, trust, name, version, context });
    const folder = await mkdtemp(join(tmpdir(), "kiln-rebuild-"));
    try {
      const rebuilt = await run(published, { ...optionsOf(input, configuration, context), folder }, context);
      if (out !== undefined) await copyOut(rebuilt.bake.folder, out);
      return resultOf(published, rebuilt, out);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

function parseRelease(text: string): [name: string, version: string] {
  const [, name, version] = /^([^@]+)@([^@]+)$/.exec(text) ?? [];
  if (name === undefined || version === undefined) {
    throw new KilnError("USAGE", `got ${JSON.stringify(text)}, want NAME@VERSION`);
  }
  return [checkName("name", name), checkName("version", version)];
}

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

function resultOf({ manifest }: Published, { bake, artifacts, inputs }: Rebuilt, out: string | undefined): Result {
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
      bakeKey: bake.bakeKey,
    },
    text: [
      `${name}@${version}: ${isSame ? "all" : `${same} of`} ${artifacts.length} artifacts came out identical`,
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
    ].join("\n"),
    exit: isSame ? 0 : 1,
  };
}
