// `workspaces: true`: one artifact for each public workspace of a monorepo, told from the commit.

import { posix } from "node:path";

import { KilnError } from "../../errors.ts";
import type { Expanded, SourceTree } from "../kind.ts";
import { packageNameSchema, parseJson } from "./package.ts";
import { parseSettings, patternsOf, workspaceFolders } from "./workspaces.ts";

interface Spec {
  readonly kind: "npm";
  readonly from: string;
}

/** Throws ARTIFACT_INVALID; `entry` is what the recipe calls it, `from` the folder of the monorepo. */
export async function expandWorkspaces(entry: string, from: string, tree: SourceTree): Promise<Expanded<Spec>> {
  const top = posix.join(from, ".");
  const folders = workspaceFolders(below(top, await tree.list()), await patternsAt(entry, top, tree));
  const artifacts: { name: string; spec: Spec }[] = [];
  const left: string[] = [];
  for (const folder of folders.map((path) => posix.join(top, path))) {
    const path = posix.join(folder, "package.json");
    const manifest = parseJson((await tree.read(path)) ?? "", `${entry}: ${path}`);
    const { name, private: hidden } = Object(manifest) as { name?: unknown; private?: unknown };
    if (hidden === true) left.push(folder);
    else artifacts.push({ name: artifactName(name, `${entry}: ${path}`), spec: { kind: "npm", from: folder } });
  }
  if (artifacts.length === 0) {
    const got = folders.length === 0 ? "no workspace" : `private workspaces alone (${left.join(", ")})`;
    throw new KilnError("ARTIFACT_INVALID", `${entry}: ${top}: got ${got}, want at least one to publish`, {
      hint: "correct the patterns of the workspaces, or take private: true out of what shall be published",
    });
  }
  const notes = left.length === 0 ? [] : [`${entry}: left out, because they are private: ${left.join(", ")}`];
  return { artifacts, notes };
}

async function patternsAt(entry: string, top: string, tree: SourceTree): Promise<readonly string[]> {
  const settings = posix.join(top, "pnpm-workspace.yaml");
  const ofPnpm = await tree.read(settings);
  const packages = ofPnpm === undefined ? undefined : parseSettings(ofPnpm, `${entry}: ${settings}`).packages;
  if (packages !== undefined) return packages;
  const manifest = posix.join(top, "package.json");
  const text = await tree.read(manifest);
  const patterns = text === undefined ? undefined : patternsOf(parseJson(text, `${entry}: ${manifest}`));
  if (patterns !== undefined) return patterns;
  throw new KilnError("ARTIFACT_INVALID", `${entry}: ${manifest}: got no \`workspaces\`, want a list of patterns`, {
    hint: "name the folder of the monorepo with `from`, or leave `workspaces` out to pack one package",
  });
}

function below(top: string, files: readonly string[]): string[] {
  const prefix = top === "." ? "" : `${top}/`;
  return files.flatMap((file) => (file.startsWith(prefix) ? [file.slice(prefix.length)] : []));
}

/** As npm names the tarball: `@acme/core` is `acme-core`. */
function artifactName(name: unknown, where: string): string {
  const parsed = packageNameSchema.safeParse(name);
  if (parsed.success) return parsed.data.replace(/^@/, "").replace("/", "-");
  throw new KilnError("ARTIFACT_INVALID", `${where}: got the name ${JSON.stringify(name)}, want an npm package name`, {
    hint: "give the workspace a name, or make it private",
  });
}
