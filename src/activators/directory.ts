// `directory`: releases side by side in `releases/`, and a link `current` that is swapped by one rename, so that it points at
// one whole release at every instant. If the recipe says so, a process that runs in its release's folder.
// Only `current` decides what is in service; everything else can be made again.

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readlinkSync, statSync } from "node:fs";
import { rename, rm, symlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

import type { Context } from "../context.ts";
import { isSystemError, KilnError } from "../errors.ts";
import { makeFolder, syncFolder } from "../system/durable.ts";
import { isServiceRunning, type ServiceProcess, startService, stopService } from "../system/service-process.ts";
import { systemPath, toolMissing } from "../system/tools.ts";
import type { Activation, Activator, Instance, Place, Target } from "./activator.ts";
import { directorySpecification, fill } from "./directory-specification.ts";

/** Milliseconds between SIGTERM and SIGKILL. */
const grace = 10_000;
/** What is being unpacked, beside the releases so that one rename puts it among them. */
const stagingName = ".staging";

export const directory: Activator = {
  name: "directory",
  kinds: ["archive"],
  specification: directorySpecification,
  byDefault: { with: "directory" },
  prepare,
  shown(place) {
    try {
      const target = readlinkSync(linkOf(place));
      return dirname(target) === "releases" ? basename(target) : undefined;
    } catch (error) {
      // EINVAL: somebody put a file there.
      if (isSystemError(error, "ENOENT", "EINVAL")) return undefined;
      throw error;
    }
  },
  async withdraw(place) {
    await rm(linkOf(place), { force: true });
    await syncFolder(place.folder);
  },
  isRunning: (instance) => isServiceRunning(processOf(instance)),
  stop: async (instance, place) => await stopService(processOf(instance), { log: logOf(place), grace }),
  async prune(place, keep) {
    for (const entry of readReleases(place)) {
      if (!keep.includes(entry)) await rm(join(releasesOf(place), entry), { recursive: true, force: true });
    }
  },
};

function prepare(target: Target, context: Context): Activation {
  const { place, id } = target;
  const { start, probe } = fill(target);
  const folder = join(releasesOf(place), id);
  const env = environmentOf(target, context);
  const log = logOf(place);
  return {
    hasInstance: start !== undefined,
    isStaged: () => existsSync(folder),
    async stage(artifact, step) {
      const { unpack } = await import("../system/unpack.ts");
      const staging = join(releasesOf(place), stagingName);
      await makeFolder(releasesOf(place));
      await rm(staging, { recursive: true, force: true });
      const onProgress = (bytes: number): void => step.progress(bytes, undefined, "bytes");
      await unpack(artifact, staging, { signal: context.signal, onProgress });
      // Before the rename: after a power cut a release is there whole or not at all.
      syncFileSystem(staging, context);
      await rename(staging, folder);
      await syncFolder(releasesOf(place));
    },
    async switch() {
      const next = join(place.folder, ".current");
      await rm(next, { force: true });
      await symlink(join("releases", id), next);
      await rename(next, linkOf(place));
      await syncFolder(place.folder);
    },
    async start(onStarted) {
      if (start === undefined) return;
      const logFrom = sizeOf(log);
      await startService(start, { cwd: folder, env, log, onStarted: (service) => onStarted({ ...service, logFrom }) });
    },
    async probe(instance) {
      const { probeRelease } = await import("./directory-probe.ts");
      const isRunning = (): boolean => instance === undefined || isServiceRunning(processOf(instance));
      const output = instance === undefined ? undefined : { log, from: Number(instance["logFrom"]) };
      await probeRelease(probe, { cwd: folder, env, signal: context.signal, isRunning, output });
    },
  };
}

/** Little is inherited, so that a release runs the same by hand, by cron and after a reboot. */
function environmentOf({ parameters }: Target, { env }: Context): Record<string, string> {
  // The runtime's own folder comes last: `node` is the host's if it has one, else the one that runs this.
  const path = `${systemPath}:${dirname(process.execPath)}`;
  return { PATH: path, HOME: env["HOME"] ?? "/", LANG: "C.UTF-8", ...parameters };
}

function processOf(instance: Instance): ServiceProcess {
  return { pid: Number(instance["pid"]), startTime: Number(instance["startTime"]), boot: String(instance["boot"]) };
}

/** Bytes; where the output of what starts next begins. */
function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

function readReleases(place: Place): string[] {
  try {
    return readdirSync(releasesOf(place));
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return [];
    throw error;
  }
}

const releasesOf = (place: Place): string => join(place.folder, "releases");
const linkOf = (place: Place): string => join(place.folder, "current");
const logOf = (place: Place): string => join(place.folder, "log");

/** One call for the whole file system: thousands of files are durable sooner than by an fsync each. */
function syncFileSystem(path: string, { env }: Context): void {
  const { status, error, stderr } = spawnSync("sync", ["-f", path], { encoding: "utf8", env: { PATH: env["PATH"] } });
  if (error !== undefined) throw isSystemError(error, "ENOENT") ? toolMissing("sync", error) : error;
  if (status !== 0) throw new KilnError("DISK_FULL", `sync -f ${path}: ${stderr.trim()}`);
}
