// A sandbox of bubblewrap namespaces. Inside there is the host's read-only /usr, or the read-only root of a base, a made-up
// /etc/passwd, the workspace, and nothing else: no /root, /home, /var of the host, no host environment, no process of the
// host. A step is process 1's child in a PID namespace that dies with Kiln, so SIGKILL of Kiln leaves nothing running.

import { existsSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";

import { KilnError } from "../errors.ts";
import { runLimited } from "./limits.ts";
import type { ProgramResult } from "./process.ts";
import { environmentOf, underUmask } from "./sandbox-environment.ts";
import { baseArguments, hostArguments, placeIn } from "./sandbox-root.ts";
import { npmScripts, type SandboxTools } from "./sandbox-tools.ts";
import { seenAt, type Sandbox, type SandboxOptions, type SandboxRun } from "./sandbox.ts";
import { findProgram, systemPath } from "./tools.ts";

/** Bytes. */
const sharedMemory = 1024 ** 3;
const ownPath = "/opt/kiln/bin";
const npmFolder = "/opt/kiln/lib/node_modules";
const certificatesFile = "/opt/kiln/certificates.pem";
const secretsFolder = "/run/secrets";

/** Files of /etc that are the same on every machine. */
function madeEtc(home: string): Record<string, string> {
  return {
    passwd: `root:x:0:0:root:/root:/bin/sh\nbuild:x:1000:1000::${home}:/bin/sh\n`,
    group: "root:x:0:\nbuild:x:1000:\n",
    hosts: "127.0.0.1 localhost\n::1 localhost\n",
    hostname: "build\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
  };
}

export function openBubblewrap(options: SandboxOptions): Sandbox {
  const { folder } = options.conditions;
  return {
    inside: (inner) => seenAt(folder, options.workspace, inner),
    withStage: (stage) => openBubblewrap({ ...options, workspace: { ...options.workspace, stage } }),
    run: (run) => {
      const { args, env, pipes } = argumentsOf(options, run);
      return runLimited([findProgram("bwrap", systemPath) ?? "bwrap", ...args], {
        limits: options.limits,
        folder: dirname(options.workspace.temporary),
        cwd: "/",
        env,
        signal: options.signal,
        pipes,
        onOutput: run.onOutput,
      });
    },
  };
}

/** Throws SANDBOX_FAILED or TOOL_MISSING when this machine can't run the sandbox at all: before a step is blamed. */
export async function checkBubblewrap(sandbox: Sandbox, tools: SandboxTools): Promise<void> {
  if (findProgram("bwrap", systemPath) === undefined) {
    throw new KilnError("TOOL_MISSING", "bwrap: got no such program, want it for the sandbox", { hint: missing });
  }
  if (tools.clock === undefined) {
    throw new KilnError("TOOL_MISSING", "datefudge: got no such library, want it for the fixed clock", {
      hint: missing,
    });
  }
  const result = await sandbox.run({ argv: ["/bin/true"], as: "step", network: "closed" });
  const { clock } = tools;
  // Programs go on without a library that they can't load, and would have the real clock.
  const hasClock = !result.stderr.includes("LD_PRELOAD");
  if (result.status === 0 && hasClock) return;
  if (clock.from !== clock.seen) {
    throw new KilnError("SANDBOX_FAILED", `the base doesn't run with the machine's datefudge: ${lastLine(result)}`, {
      hint: "its C library is another one: use an image that has datefudge installed",
    });
  }
  throw new KilnError("SANDBOX_FAILED", `the sandbox didn't start: ${lastLine(result)}`, {
    hint: "allow unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns), or use --isolation none",
  });
}

const missing = "apt-get install bubblewrap datefudge, or --isolation none";

function lastLine({ stderr, status }: ProgramResult): string {
  return stderr.toString("utf8").trim().split("\n").at(-1) ?? `exit status ${status}`;
}

interface Invocation {
  readonly args: string[];
  /** Inherited by the program through bubblewrap: values of proxies and recipes are nobody's to read in an argv. */
  readonly env: Record<string, string>;
  readonly pipes: Buffer[];
}

function argumentsOf(options: SandboxOptions, run: SandboxRun): Invocation {
  const { workspace, conditions, base, mounts = [] } = options;
  const home = join(conditions.folder, "home");
  const pipes: Buffer[] = [];
  const data = (text: string): string => {
    pipes.push(Buffer.from(text));
    return String(pipes.length + 2);
  };
  const secrets = run.secrets ?? [];
  const { LD_PRELOAD: preload, ...env } = environmentOf(options, run, {
    home,
    path: programsPath(options, run),
    temporary: "/tmp",
    secrets: secrets.length === 0 ? undefined : secretsFolder,
    certificates: base === undefined ? options.tools.certificates : options.tools.certificates && certificatesFile,
  });
  const made = Object.entries(madeEtc(home));
  const places = Object.entries(run.places ?? {});
  const mounted = mounts.map(({ at, from }) => ({ from, at: placeIn(base?.root ?? "", at) }));
  const placed = [...places.map(([at]) => at), ...mounted.map(({ at }) => at)];
  const points = [...placed, "/var/tmp", "/etc/resolv.conf", ...made.map(([name]) => `/etc/${name}`)];
  const args = [
    ["--unshare-all", "--unshare-user", "--disable-userns", "--uid", "1000", "--gid", "1000", "--hostname", "build"],
    ["--die-with-parent", "--new-session"],
    run.network === "open" ? ["--share-net"] : [],
    base === undefined ? hostArguments(placed) : baseArguments(base.root, points),
    mounted.flatMap(({ from, at }) => ["--ro-bind", from, at]),
    ["--proc", "/proc", ...hiddenProc(), "--dev", "/dev", "--dir", "/run"],
    // In memory, and nobody's disk.
    ["--perms", "1777", "--size", String(sharedMemory), "--tmpfs", "/dev/shm", "--remount-ro", "/dev"],
    made.flatMap(([name, text]) => ["--ro-bind-data", data(text), `/etc/${name}`]),
    run.network === "open" ? resolver() : [],
    toolFolders(options, data),
    ["--bind", workspace.temporary, "/tmp", "--bind", workspace.temporary, "/var/tmp"],
    ["--bind", workspace.home, home],
    [run.as === "step" ? "--bind" : "--ro-bind", workspace.source, join(conditions.folder, "source")],
    run.as === "packer" ? ["--bind", workspace.stage, join(conditions.folder, "stage")] : [],
    places.flatMap(([at, folder]) => ["--bind", folder, at]),
    secrets.flatMap(({ name, value }) => [
      "--perms",
      "0400",
      "--ro-bind-data",
      data(value),
      `${secretsFolder}/${name}`,
    ]),
    // Not for bubblewrap itself, whose own paths are the host's.
    preload === undefined ? [] : ["--setenv", "LD_PRELOAD", preload],
    ["--remount-ro", "/", "--chdir", join(conditions.folder, run.as === "packer" ? "stage" : "source"), "--"],
    underUmask(conditions.umask, run.argv),
  ].flat();
  return { args, env, pipes };
}

/** Packers run Kiln's own Node and npm; in a base, steps run the base's, if it has them. */
function programsPath({ base }: SandboxOptions, { as }: SandboxRun): string {
  if (base === undefined) return `${ownPath}:${systemPath}`;
  const others = base.env["PATH"] ?? systemPath;
  return as === "packer" ? `${ownPath}:${others}` : `${others}:${ownPath}`;
}

/**
 * Under root, the user inside is still the host's root to the kernel, without its capabilities: it owns the files of
 * /proc/sys and could write them (core_pattern is a way out). bubblewrap leaves them open; container runtimes don't.
 */
function hiddenProc(): string[] {
  const readOnly = ["acpi", "asound", "bus", "fs", "irq", "mtrr", "pressure", "scsi", "sys", "sysrq-trigger"];
  const masked = ["kcore", "keys", "kmsg", "latency_stats", "sched_debug", "timer_list"];
  return [
    readOnly.filter(isProc).flatMap((name) => ["--ro-bind", `/proc/${name}`, `/proc/${name}`]),
    masked.filter(isProc).flatMap((name) => ["--ro-bind", "/dev/null", `/proc/${name}`]),
  ].flat();
}

function isProc(name: string): boolean {
  return existsSync(`/proc/${name}`);
}

/** resolv.conf is often a link into /run: its target is shown in its place. */
function resolver(): string[] {
  return existsSync("/etc/resolv.conf") ? ["--ro-bind", realpathSync("/etc/resolv.conf"), "/etc/resolv.conf"] : [];
}

/**
 * Node is one file. npm in /usr (a distribution's) finds its libraries there alone, so it stays where it is; a base has
 * another /usr, so they are shown beside it.
 */
function toolFolders({ tools, base }: SandboxOptions, data: (text: string) => string): string[] {
  const { node, npm, certificates } = tools;
  const shared = [
    ["--ro-bind", node, `${ownPath}/node`],
    certificates === undefined || base === undefined ? [] : ["--ro-bind", realpathSync(certificates), certificatesFile],
    tools.clock === undefined || tools.clock.from === tools.clock.seen
      ? []
      : ["--ro-bind", tools.clock.from, tools.clock.seen],
  ].flat();
  if (npm === undefined) return shared;
  const inside = `${npmFolder}/npm`;
  const isWhere = base === undefined && npm.folder.startsWith("/usr/");
  const libraries = base === undefined ? npm.libraries : npm.libraries && npmFolder;
  const scripts = Object.entries(npmScripts(isWhere ? npm.folder : inside, `${ownPath}/node`, libraries));
  return [
    shared,
    isWhere ? [] : ["--ro-bind", npm.libraries ?? npm.folder, npm.libraries === undefined ? inside : npmFolder],
    scripts.flatMap(([name, text]) => ["--perms", "0755", "--ro-bind-data", data(text), `${ownPath}/${name}`]),
  ].flat();
}
