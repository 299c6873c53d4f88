// What lies in a package's folder, before npm packs it, and in the tarball, afterwards. npm leaves out links and whatever isn't a
// file without a word: so a package whose programs or whose main file are missing is refused here, not by its users.

import { chmodSync, type Dirent, lstatSync, readdirSync, type Stats } from "node:fs";
import { join, posix } from "node:path";

import { isSystemError, KilnError } from "../../errors.ts";
import type { Package } from "./package.ts";

/** npm copies file modes, so the umask of whoever wrote the files would reach the bytes. Throws ARTIFACT_INVALID. */
export function normaliseModes(folder: string, manifest: Package, artifact: string): void {
  const bundles = manifest["bundleDependencies"] ?? manifest["bundledDependencies"];
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.name.includes("\\")) throw unpackable(artifact, entry.name);
    const isLeftOut = entry.name === ".git" || (entry.name === "node_modules" && bundles === undefined);
    if (entry.isDirectory() && !isLeftOut) normaliseModes(path, manifest, artifact);
    if (entry.isFile()) chmodSync(path, isExecutable(path, artifact) ? 0o755 : 0o644);
    if (entry.isFile() || entry.isDirectory() || entry.isSymbolicLink()) continue;
    throw new KilnError(
      "ARTIFACT_INVALID",
      `${artifact}: ${JSON.stringify(entry.name)}: got ${sortOf(entry)}, want a file`,
      {
        hint: "remove it in a build step",
      },
    );
  }
}

/** npm takes it for a separator of folders, and packs another file, or none. */
function unpackable(artifact: string, name: string): KilnError {
  return new KilnError(
    "ARTIFACT_INVALID",
    `${artifact}: ${JSON.stringify(name)}: got a backslash in a name, want none: npm can't pack it`,
    {
      hint: "rename the file in a build step",
    },
  );
}

function isExecutable(path: string, artifact: string): boolean {
  try {
    return (lstatSync(path).mode & 0o100) !== 0;
  } catch (error) {
    // Bytes that aren't UTF-8 come back from readdir as U+FFFD, a name that doesn't exist.
    if (!isSystemError(error, "ENOENT") || !path.includes("\uFFFD")) throw error;
    throw new KilnError("ARTIFACT_INVALID", `${artifact}: ${JSON.stringify(path)}: got a file name that isn't UTF-8`, {
      hint: "rename the file in a build step",
      cause: error,
    });
  }
}

function sortOf(entry: Dirent): string {
  if (entry.isFIFO()) return "a named pipe";
  return entry.isSocket() ? "a socket" : "a device";
}

export interface Content {
  /** Absolute path of the package. */
  readonly folder: string;
  /** Paths in the tarball, below its one folder. */
  readonly paths: readonly string[];
  /** The package.json's path for a person. */
  readonly where: string;
}

/** Throws ARTIFACT_INVALID unless what `bin` and `main` name is in the tarball. */
export function checkContent(manifest: Package, content: Content): void {
  const inside = new Set(content.paths);
  const { bin } = manifest;
  const programs = typeof bin === "string" ? [["bin", bin] as const] : Object.entries(bin ?? {});
  for (const [name, path] of programs) {
    if (!inside.has(below(path))) throw missing(name === "bin" ? name : `bin ${JSON.stringify(name)}`, path, content);
  }
  const main = manifest["main"];
  if (typeof main !== "string" || main === "") return;
  const at = below(main);
  const endings = ["", ".js", ".json", ".node", "/index.js", "/index.json", "/index.node"];
  // Without the file that it names, Node takes index.js.
  const isThere = endings.some((ending) => inside.has(posix.join(at, ".") + ending)) || inside.has("index.js");
  if (!isThere) throw missing("main", main, content);
}

/** As npm reads it: nothing leads above the package. */
function below(path: string): string {
  return posix.join("/", path.replaceAll("\\", "/")).replace(/^\/+/, "").replace(/\/+$/, "");
}

/** `undefined`: nothing is there, or a file is where a folder would have to be. */
function statsOf(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if (isSystemError(error, "ENOTDIR")) return undefined;
    throw error;
  }
}

function missing(field: string, path: string, { folder, where }: Content): KilnError {
  const stats = statsOf(join(folder, below(path)));
  const [got, hint] =
    stats === undefined
      ? ["no such file", "let a build step make it, or correct the package.json"]
      : stats.isSymbolicLink()
        ? ["a link", "npm packs no links: copy the file in a build step"]
        : stats.isDirectory()
          ? ["a folder", "name the file in it"]
          : [
              "a file that npm leaves out",
              "move it: npm packs nothing of node_modules and of folders of version control",
            ];
  return new KilnError(
    "ARTIFACT_INVALID",
    `${where}: ${field}: got ${got} at ${JSON.stringify(path.slice(0, 200))}, want it in the package`,
    { hint },
  );
}
