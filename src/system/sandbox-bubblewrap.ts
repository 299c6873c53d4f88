// A sandbox of bubblewrap namespaces. Inside there is the host's read-only /usr, a made-up /etc, the workspace, and
// nothing else: no /root, /home, /var, no host environment, no process of the host. A step is process 1's child in a
// PID namespace that dies with Kiln, so SIGKILL of Kiln leaves nothing running.

import { existsSync, lstatSync, readlinkSync, readdirSync, realpathSync } from "node:fs";
import { join } from "node:path";

import { KilnError } from "../errors.ts";
import { runProgram, type ProgramResult } from "./process.ts";
import { environmentOf, underUmask } from "./sandbox-environment.ts";
import { npmScripts, type SandboxTools } from "./sandbox-tools.ts";
import { seenAt, type Sandbox, type SandboxOptions, type SandboxRun } from "./sandbox.ts";
import { findProgram, systemPath } from "./tools.ts";

const path = `/opt/kiln/bin:${systemPath}`;
const secretsFolder = "/run/secrets";

/** Files of /etc that programs need and that tell nothing about the host but its packages. Never /etc/ssl/private. */
function sharedEtc(): string[] {
  const fixed =
    "alternatives debian_version dpkg/origins fonts ld.so.cache ld.so.conf ld.so.conf.d mime.types os-release";
  const java = readdirSync("/etc").filter((name) => name.startsWith("java-"));
  return [...`${fixed} perl protocols services ssl/certs ssl/openssl.cnf`.split(" "), ...java];
}

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
      return runProgram([findProgram("bwrap", path) ?? "bwrap", ...args], {
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
  if (findProgram("bwrap", path) === undefined) {
    throw new KilnError("TOOL_MISSING", "bwrap: got no such program, want it for the sandbox", { hint: missing });
  }
  if (tools.clock === undefined) {
    throw new KilnError("TOOL_MISSING", "libfaketime: got no such library, want it for the fixed clock", {
      hint: missing,
    });
  }
  const result = await sandbox.run({ argv: ["/bin/true"], as: "step", network: "closed" });
  if (result.status === 0) return;
  throw new KilnError("SANDBOX_FAILED", `the sandbox didn't start: ${lastLine(result)}`, {
    hint: "allow unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns), or use --isolation none",
  });
}

const missing = "apt-get install bubblewrap faketime, or --isolation none";

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
  const { workspace, conditions } = options;
  const home = join(conditions.folder, "home");
  const pipes: Buffer[] = [];
  const data = (text: string): string => {
    pipes.push(Buffer.from(text));
    return String(pipes.length + 2);
  };
  const secrets = run.secrets ?? [];
  const { LD_PRELOAD: preload, ...env } = environmentOf(options, run, {
    home,
    path,
    temporary: "/tmp",
    secrets: secrets.length === 0 ? undefined : secretsFolder,
    certificates: options.tools.certificates,
  });
  const args = [
    ["--unshare-all", "--unshare-user", "--disable-userns", "--uid", "1000", "--gid", "1000", "--hostname", "build"],
    ["--die-with-parent", "--new-session"],
    run.network === "open" ? ["--share-net"] : [],
    systemFolders(),
    ["--proc", "/proc", ...hiddenProc(), "--dev", "/dev", "--dir", "/run"],
    ["--ro-bind-try", "/var/lib/dpkg", "/var/lib/dpkg"],
    sharedEtc().flatMap((name) => ["--ro-bind-try", `/etc/${name}`, `/etc/${name}`]),
    Object.entries(madeEtc(home)).flatMap(([name, text]) => ["--ro-bind-data", data(text), `/etc/${name}`]),
    run.network === "open" ? resolver() : [],
    toolFolders(options, data),
    ["--bind", workspace.temporary, "/tmp", "--bind", workspace.temporary, "/var/tmp"],
    ["--bind", workspace.home, home],
    [run.as === "step" ? "--bind" : "--ro-bind", workspace.source, join(conditions.folder, "source")],
    run.as === "packer" ? ["--bind", workspace.stage, join(conditions.folder, "stage")] : [],
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

/** /usr, and /bin, /lib … as links into it or as folders of their own, as the host has them. */
function systemFolders(): string[] {
  const others = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"].filter((name) => existsSync(`/${name}`));
  return [
    ["--ro-bind", "/usr", "/usr"],
    ...others.map((name) =>
      lstatSync(`/${name}`).isSymbolicLink()
        ? ["--symlink", readlinkSync(`/${name}`), `/${name}`]
        : ["--ro-bind", `/${name}`, `/${name}`],
    ),
  ].flat();
}

/** resolv.conf is often a link into /run: its target is shown in its place. */
function resolver(): string[] {
  return existsSync("/etc/resolv.conf") ? ["--ro-bind", realpathSync("/etc/resolv.conf"), "/etc/resolv.conf"] : [];
}

/** Node is one file. npm in /usr (a distribution's) finds its libraries there alone, so it stays where it is. */
function toolFolders({ tools }: SandboxOptions, data: (text: string) => string): string[] {
  const node = ["--ro-bind", tools.node, "/opt/kiln/bin/node"];
  if (tools.npm === undefined) return node;
  const { folder } = tools.npm;
  const shown = folder.startsWith("/usr/") ? folder : "/opt/kiln/lib/node_modules/npm";
  const scripts = Object.entries(npmScripts(shown, "/opt/kiln/bin/node"));
  return [
    node,
    shown === folder ? [] : ["--ro-bind", folder, shown],
    scripts.flatMap(([name, text]) => ["--perms", "0755", "--ro-bind-data", data(text), `/opt/kiln/bin/${name}`]),
  ].flat();
}
