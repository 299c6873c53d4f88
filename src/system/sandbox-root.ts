// What a sandbox shows at /: the machine's own system folders, or the root of a base, both read-only. bubblewrap makes
// the places that it mounts on, but can't within what is read-only; so a folder that lacks such a place is shown entry by
// entry in a folder of the sandbox's own, and what it has is the same.

import { lstatSync, readdirSync, readlinkSync, type Stats } from "node:fs";
import { dirname, join } from "node:path";

/** Files of /etc that programs need and that tell nothing about the host but its packages. Never /etc/ssl/private. */
function sharedEtc(): string[] {
  const fixed =
    "alternatives debian_version dpkg/origins fonts ld.so.cache ld.so.conf ld.so.conf.d mime.types os-release";
  const java = readdirSync("/etc").filter((name) => name.startsWith("java-"));
  return [...`${fixed} perl protocols services ssl/certs ssl/openssl.cnf`.split(" "), ...java];
}

/** The machine's own programs and libraries, for a sandbox that mounts on `points` afterwards. */
export function hostArguments(points: readonly string[]): string[] {
  const folders = ["usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32"].map((name) => `/${name}`);
  return [
    folders.flatMap((path) => shown({ root: "", split: splitFolders("", points), points }, path)),
    ["--ro-bind-try", "/var/lib/dpkg", "/var/lib/dpkg"],
    sharedEtc().flatMap((name) => ["--ro-bind-try", `/etc/${name}`, `/etc/${name}`]),
  ].flat();
}

/** Made by every sandbox itself. */
const own = new Set(["/dev", "/opt/kiln", "/proc", "/run", "/sys", "/tmp"]);

/** All of a base, for a sandbox that mounts on `points` afterwards. `root` is absolute. */
export function baseArguments(root: string, points: readonly string[]): string[] {
  const split = new Set([...splitFolders(root, points), "/", "/opt"]);
  return entriesOf({ root, split, points }, "/");
}

interface Showing {
  readonly root: string;
  /** Folders that are shown entry by entry. */
  readonly split: ReadonlySet<string>;
  readonly points: readonly string[];
}

function entriesOf(showing: Showing, folder: string): string[] {
  return readdirSync(`${showing.root}${folder}`).flatMap((name) => shown(showing, join(folder, name)));
}

function shown(showing: Showing, path: string): string[] {
  const source = `${showing.root}${path}`;
  const stats = lstatSync(source, { throwIfNoEntry: false });
  if (stats === undefined || own.has(path)) return [];
  if (stats.isSymbolicLink()) return showing.points.includes(path) ? [] : ["--symlink", readlinkSync(source), path];
  if (showing.split.has(path)) return ["--dir", path, ...entriesOf(showing, path)];
  return ["--ro-bind", source, path];
}

/** The folders that lack one of the points, and all above them. */
function splitFolders(root: string, points: readonly string[]): Set<string> {
  const split = new Set<string>();
  for (const point of points) {
    const lacking = lackingFolder(root, point);
    for (let at = lacking; at !== undefined && at !== "/"; at = dirname(at)) split.add(at);
  }
  return split;
}

/** The folder in which the way to `point` ends; undefined when there is something to mount on. */
function lackingFolder(root: string, point: string): string | undefined {
  let at = "";
  for (const name of point.split("/").slice(1)) {
    const next = `${at}/${name}`;
    const stats: Stats | undefined = lstatSync(`${root}${next}`, { throwIfNoEntry: false });
    if (stats === undefined || stats.isSymbolicLink()) return at === "" ? "/" : at;
    at = next;
  }
  return undefined;
}

/** Where `path` is in a root when its links are followed: nothing can be mounted through one. */
export function placeIn(root: string, path: string): string {
  let at = "/";
  const names = path.split("/").filter((name) => name !== "");
  for (let links = 0; names.length > 0;) {
    const name = names.shift() ?? "";
    const next = name === ".." ? dirname(at) : join(at, name);
    const isLink = lstatSync(`${root}${next}`, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
    // The last one is where it is mounted: over the link itself.
    if (!isLink || names.length === 0 || (links += 1) > 40) {
      at = next;
      continue;
    }
    const target = readlinkSync(`${root}${next}`);
    if (target.startsWith("/")) at = "/";
    names.unshift(...target.split("/").filter((one) => one !== "" && one !== "."));
  }
  return at;
}
