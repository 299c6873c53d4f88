// trace.ts FOLDER: runs some operations on a store, and prints for each what it did to names and when it synced what:
// `sync X` when the sync of X begins, `synced X` when it has ended; for names the moment before they change.

import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { dirname, relative } from "node:path";

const [root = ""] = process.argv.slice(2);
let events: string[] = [];

const shown = (path: string): string => {
  const real = path.startsWith("/proc/self/fd/") ? `${fs.readlinkSync(dirname(path))}/${path.split("/").at(-1)}` : path;
  return relative(root, real).replace(/^\.tmp\/\.kiln-.*/, "TMP") || ".";
};

const { link, rename, mkdir, open } = fs.promises;
Object.assign(fs.promises, {
  link: (from: string, to: string) => (events.push(`link ${shown(from)} ${shown(to)}`), link(from, to)),
  rename: (from: string, to: string) => (events.push(`rename ${shown(from)} ${shown(to)}`), rename(from, to)),
  mkdir: (path: string) => (events.push(`mkdir ${shown(path)}`), mkdir(path)),
});
syncBuiltinESMExports();
const probe = await open("/dev/null");
const prototype = Object.getPrototypeOf(probe) as fs.promises.FileHandle;
await probe.close();
const sync = Reflect.get(prototype, "sync");
prototype.sync = async function (this: fs.promises.FileHandle) {
  const path = shown(fs.readlinkSync(`/proc/self/fd/${this.fd}`));
  events.push(`sync ${path}`);
  await sync.call(this);
  events.push(`synced ${path}`);
};

const { openFolderStore } = await import("../../../src/stores/folder.ts");
const { signal } = new AbortController();
const maker = await openFolderStore(root, signal);
const finder = await openFolderStore(root, signal);
const traced: Record<string, readonly string[]> = {};
const trace = async <T>(title: string, work: () => Promise<T>): Promise<T> => {
  events = [];
  const result = await work();
  traced[title] = events;
  return result;
};
const body = (text: string) => Buffer.from(text);
await trace("create in new folders", () => maker.create("pool/ab/x", body("1")));
await trace("create beside it", () => maker.create("pool/ab/y", body("1")));
await trace("create what another made", () => finder.create("pool/ab/x", body("1")));
await trace("replace what isn't there", () => maker.replace("doc", body("1"), null));
const { etag } = (await trace("read", () => finder.head("doc")))!;
await trace("replace", () => maker.replace("doc", body("2"), etag));
await trace("lose", () => maker.replace("doc", body("3"), etag));
await trace("remove", () => maker.remove("pool/ab/y", Number.MAX_SAFE_INTEGER));
console.log(JSON.stringify(traced));
