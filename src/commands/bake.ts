// `kiln bake`: runs the recipe of the commit that is checked out, unless the same inputs were baked or released before.

import { relative } from "node:path";

import type { Bake } from "../bake/kept.ts";
import type { Released } from "../bake/prepare.ts";
import type { Context } from "../context.ts";
import { outFolder, withBake } from "./bake-access.ts";
import { bakeOptions, cellOption } from "./bake-options.ts";
import { columns, size } from "./columns.ts";
import type { Command, Result } from "./command.ts";

export const bake: Command = {
  summary: "run the recipe: artifacts, their SBOMs and their provenance, once per commit",
  options: [
    ...bakeOptions,
    cellOption,
    { flags: "--out DIR", description: "put a copy of everything into DIR, too" },
    { flags: "--twice", description: "bake again under other conditions, and compare every byte" },
  ],
  examples: [
    "kiln bake",
    "kiln bake --twice",
    "kiln bake --allow-dirty --out build/release",
    "kiln bake --cell suite=bookworm",
  ],
  async run(input, context) {
    const out = outFolder(input, context);
    const { checkOut, copyOut } = await import("../bake/copy-out.ts");
    if (out !== undefined) checkOut(out);
    return await withBake({ input, context, next: "reserve" }, async (prepared) => {
      if ("released" in prepared) return releasedBefore(prepared.released);
      const { bakeAll } = await import("../bake/bake-all.ts");
      const check = input.options["twice"] === true ? "twice" : "once";
      const result = await bakeAll(prepared.orders, { folder: prepared.folder, check }, context);
      if (out !== undefined) await copyOut(result.folder, out);
      return resultOf({ ...result, folder: out ?? result.folder }, context, result.cached);
    });
  },
};

/** A commit is released once: its release is the answer, and there is nothing to publish. */
function releasedBefore(released: Released): Result {
  const { name, version, manifest } = released;
  return {
    json: { name, version, manifest, released: true, cached: true, folder: null, bakeKey: null, artifacts: [] },
    text: `${name} ${version}: this commit is released already, nothing to bake`,
  };
}

function resultOf({ manifest, identity, bakeKey, folder }: Bake, { cwd }: Context, cached: boolean): Result {
  const { name, version, source } = manifest;
  const artifacts = manifest.artifacts.map((artifact) => ({
    name: artifact.name,
    kind: artifact.kind,
    platform: artifact.platform,
    file: artifact.file,
    size: artifact.size,
    sha256: artifact.sha256,
  }));
  const rows = artifacts.map((artifact) => [
    `  ${artifact.name}`,
    artifact.kind,
    artifact.file,
    size(artifact.size),
    artifact.sha256.slice(0, 12),
  ]);
  return {
    json: { name, version, manifest: identity, released: false, cached, folder, bakeKey, source, artifacts },
    text: [
      `${name} ${version}${cached ? " was baked before" : ""}: ${relative(cwd, folder) || "."}`,
      columns(rows),
    ].join("\n"),
  };
}
