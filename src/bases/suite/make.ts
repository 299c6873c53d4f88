// Makes a locked suite: looks whether the mirror still has exactly what the lock file names, lets mmdebstrap install it, and
// looks at what was installed. mmdebstrap runs in a PID namespace of its own that dies with Kiln, and its mounts with it.
// The root keeps no trace of this machine or its mirror.

import { existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";

import { digestOf } from "../../artifact/digest.ts";
import { KilnError } from "../../errors.ts";
import { installedPackages } from "../../system/packages.ts";
import { endOf, runProgram } from "../../system/process.ts";
import { findProgram, systemPath, toolMissing } from "../../system/tools.ts";
import type { BaseJob } from "../base.ts";
import { differences, type LockedSuite } from "../lock.ts";
import { fetchEnvironment, lookAtSuite, networkSettings, sourceLine } from "./apt.ts";
import { mirrorOf, putKeyring } from "./mirror.ts";

export interface SuiteOrder {
  readonly locked: LockedSuite;
  readonly title: string;
  /** What the recipe says. */
  readonly mirror: string | undefined;
  /** The recipe's own keyring. */
  readonly keys: Uint8Array | undefined;
  /** The lock file's path, for errors. */
  readonly lockPath: string;
}

/** Throws BASE_MOVED, BASE_FAILED, TOOL_MISSING, CANCELLED. */
export async function makeSuite(order: SuiteOrder, job: BaseJob): Promise<void> {
  const { locked } = order;
  const source = {
    mirror: mirrorOf({ ...locked, mirror: order.mirror, settings: job.settings }),
    keyring: putKeyring(locked.distribution, order.keys, job.folder),
    request: locked,
  };
  if (findProgram("mmdebstrap", systemPath) === undefined) throw toolMissing("mmdebstrap");
  const folder = join(job.folder, "apt");
  await mkdir(folder);
  const found = await lookAtSuite({ ...source, folder, context: job.context });
  refuseMoved(order, differences(locked, found));
  const settings = join(folder, "settings.conf");
  writeFileSync(settings, [...(await networkSettings(job.context)), 'Acquire::Languages "none";', ""].join("\n"));
  await install(order, { job, settings, source: sourceLine(source) });
  const root = join(job.folder, "root");
  checkInstalled(order, root);
  await clean(root);
  for (const path of [folder, ...(order.keys === undefined ? [] : [source.keyring])])
    await rm(path, { recursive: true });
}

function refuseMoved({ title, lockPath, locked }: SuiteOrder, moved: readonly string[]): void {
  if (moved.length === 0) return;
  const shown = moved.slice(0, 3).join(", ") + (moved.length > 3 ? ` and ${moved.length - 3} more` : "");
  const pinned = locked.snapshot === undefined ? "; a `snapshot:` date in the recipe never moves" : "";
  throw new KilnError("BASE_MOVED", `${lockPath}: ${title} has moved since it was locked: ${shown}`, {
    hint: `kiln lock writes what there is now; look at the difference and commit it${pinned}`,
    details: { moved: moved.slice(0, 200) },
  });
}

interface Installation {
  readonly job: BaseJob;
  /** A file of apt's settings. */
  readonly settings: string;
  readonly source: string;
}

async function install({ locked, title }: SuiteOrder, { job, settings, source }: Installation): Promise<void> {
  const isRoot = process.getuid?.() === 0;
  const temporary = join(job.folder, "temporary");
  await mkdir(temporary);
  const image = join(job.folder, "root.tar");
  const mmdebstrap = [
    "mmdebstrap",
    `--mode=${isRoot ? "root" : "auto"}`,
    "--variant=essential",
    "--format=tar",
    `--architectures=${locked.architecture}`,
    `--include=${Object.keys(locked.packages).join(",")}`,
    `--aptopt=${settings}`,
    // Who makes a base waits for the whole of it at its end.
    "--dpkgopt=force-unsafe-io",
    "--skip=cleanup/apt/lists",
    locked.suite,
    image,
    source,
  ] as const;
  // Root's mode mounts folders into the root: in a namespace that goes with its processes, whoever ends them. Other modes
  // make one themselves, which they couldn't inside another.
  const confined = ["bwrap", "--dev-bind", "/", "/", "--proc", "/proc", "--unshare-pid", "--die-with-parent"] as const;
  await run([...(isRoot ? ([...confined, "--new-session", "--cap-add", "ALL", "--"] as const) : []), ...mmdebstrap], {
    title,
    job,
    // Without root, temporary files belong to other users; they go where the system removes them.
    env: { SOURCE_DATE_EPOCH: String(locked.inRelease.time), ...(isRoot ? { TMPDIR: temporary } : {}) },
  });
  const root = join(job.folder, "root");
  await mkdir(root);
  const unpack = ["tar", "--extract", "--file", image, "--directory", root, "--exclude", "./dev/*"] as const;
  const rights = isRoot ? ["--same-permissions", "--numeric-owner"] : ["--same-permissions", "--no-same-owner"];
  await run([...unpack, ...rights], { title, job, env: {} });
  for (const path of [image, temporary]) rmSync(path, { recursive: true, force: true });
}

async function run(
  argv: readonly string[],
  { title, job, env }: { readonly title: string; readonly job: BaseJob; readonly env: Record<string, string> },
): Promise<void> {
  const [program = "", ...args] = argv;
  const said: string[] = [];
  const result = await runProgram([program, ...args], {
    cwd: job.folder,
    env: { ...fetchEnvironment(job.context.env), ...env },
    signal: job.context.signal,
    onOutput: (piece) => {
      for (const line of piece.toString("utf8").split("\n")) {
        if (line.trim() === "") continue;
        job.onLine(line);
        said.push(line);
        if (said.length > 200) said.shift();
      }
    },
  });
  if (result.status === 0) return;
  const why = said.findLast((line) => line.startsWith("E: "))?.slice(3) ?? said.at(-1) ?? "no word of it";
  throw new KilnError(
    "BASE_FAILED",
    `${title}: ${program === "tar" ? "tar" : "mmdebstrap"}: ${endOf(result)}: ${why}`,
    {
      hint: /chroot mode/.test(why)
        ? "without root: apt-get install uidmap, and give this user subordinate ids (/etc/subuid), or apt-get install fakechroot fakeroot"
        : "the last lines of its output are in --json's details",
      details: { lastLines: said.slice(-30) },
    },
  );
}

/** The mirror may have moved between our look and mmdebstrap's. */
function checkInstalled(order: SuiteOrder, root: string): void {
  const { locked } = order;
  const lists = join(root, "var/lib/apt/lists");
  const inReleases = readdirSync(lists).filter((name) => name.endsWith("_InRelease"));
  const digests = inReleases.map((name) => digestOf(readFileSync(join(lists, name))));
  if (digests.length !== 1 || digests[0] !== locked.inRelease.sha256) refuseMoved(order, ["its InRelease"]);
  const installed = new Map(
    [...installedPackages(join(root, "var/lib/dpkg/status"))].map(([name, version]) => [name.split(":")[0], version]),
  );
  const names = new Set([...installed.keys(), ...Object.keys(locked.packages)]);
  const wrong = [...names].flatMap((name = "") => {
    const [got, want] = [installed.get(name), locked.packages[name]?.version];
    return got === want ? [] : [`${name}: got ${got ?? "none"}, want ${want ?? "none"}`];
  });
  if (wrong.length === 0) return;
  throw new KilnError(
    "BASE_FAILED",
    `${order.title}: mmdebstrap installed other packages than those locked: ${wrong[0]}`,
    {
      hint: "kiln lock writes the list anew with this machine's apt",
      details: { wrong },
    },
  );
}

/** What names this machine, its mirror or this moment. */
async function clean(root: string): Promise<void> {
  const gone = [
    "etc/apt/sources.list",
    "etc/apt/apt.conf.d/99mmdebstrap",
    "var/lib/apt/lists",
    "var/cache/apt",
    "var/log",
  ];
  for (const path of gone) await rm(join(root, path), { recursive: true, force: true });
  // Sandboxes show their own in these places.
  for (const name of ["hostname", "hosts", "resolv.conf", "machine-id"]) {
    const path = join(root, "etc", name);
    if (existsSync(path)) truncateSync(path);
    else writeFileSync(path, "");
  }
  for (const path of ["var/log", "var/tmp", "opt"]) await mkdir(join(root, path), { recursive: true });
}
