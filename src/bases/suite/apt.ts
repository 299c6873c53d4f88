// apt with a folder of its own instead of the machine's: it fetches a suite's indexes, checks InRelease with the
// distribution's keyring, and says which packages, of which bytes, a list of names would install on an empty system.
// It runs as whoever runs Kiln; nothing of the machine's own package database is read or written.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { digestOf } from "../../artifact/digest.ts";
import type { Context } from "../../context.ts";
import { KilnError } from "../../errors.ts";
import { type ProgramResult, runProgram } from "../../system/process.ts";
import { systemPath } from "../../system/tools.ts";
import type { LockedSuite, LockRequest } from "../lock.ts";

export interface AptOptions {
  /** Absolute path of an empty folder. */
  readonly folder: string;
  readonly mirror: string;
  readonly keyring: string;
  readonly request: LockRequest;
  readonly context: Pick<Context, "env" | "signal">;
}

/** What a suite has now for the request. Throws BASE_FAILED: unreachable, wrongly signed, no such package. */
export async function lookAtSuite(options: AptOptions): Promise<LockedSuite> {
  const { folder, request, context } = options;
  const configuration = await configure(options);
  const run = (...args: [string, ...string[]]): Promise<ProgramResult> =>
    runProgram(["apt-get", ...args], {
      cwd: folder,
      env: { ...fetchEnvironment(context.env), APT_CONFIG: configuration },
      signal: context.signal,
    });
  const title = `${request.distribution} ${request.suite}`;
  const updated = await run("-qq", "--error-on=any", "update");
  if (updated.status !== 0) throw failed(`${title}: its index can't be used`, updated, options.mirror);
  const lists = join(folder, "lists");
  const name = readdirSync(lists).find((one) => one.endsWith("_InRelease"));
  if (name === undefined) throw failed(`${title}: got no InRelease`, updated, options.mirror);
  const inRelease = readFileSync(join(lists, name));
  const listed = await run("-qq", "--yes", "--print-uris", "install", "?essential", ...request.wanted);
  if (listed.status !== 0) throw failed(`${title}: the packages can't be installed`, listed, options.mirror);
  const { wanted, ...facts } = request;
  return {
    ...facts,
    wanted: [...wanted],
    inRelease: { sha256: digestOf(inRelease), time: dateOf(inRelease.toString("utf8")) },
    packages: Object.fromEntries(listed.stdout.toString("utf8").trim().split("\n").map(packageOf)),
  };
}

/** The one line of sources.list. Options are apt's own: a snapshot is older than its InRelease says it may become. */
export function sourceLine({ mirror, keyring, request }: Pick<AptOptions, "mirror" | "keyring" | "request">): string {
  const old = request.snapshot === undefined ? "" : " check-valid-until=no";
  return `deb [signed-by=${keyring} arch=${request.architecture}${old}] ${mirror} ${request.suite} ${request.components.join(" ")}`;
}

/** The machine's own ways into the network (proxies, credentials, checks of dates) in apt's language. */
export async function networkSettings({ env, signal }: Pick<Context, "env" | "signal">): Promise<string[]> {
  const dumped = await runProgram(["apt-config", "dump"], { cwd: "/", env: fetchEnvironment(env), signal });
  const kept = /^Acquire::(?:https?|ftp|Check-|Retries|ForceIPv)/;
  return dumped.stdout
    .toString("utf8")
    .split("\n")
    .filter((line) => kept.test(line) && !line.endsWith('"";'));
}

/** For programs that fetch packages: proxies, and nothing else of the user's. */
export function fetchEnvironment(env: Context["env"]): Record<string, string> {
  const names = ["http_proxy", "https_proxy", "no_proxy", "all_proxy"].flatMap((name) => [name, name.toUpperCase()]);
  const proxies = names.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]] as const]));
  return {
    ...Object.fromEntries(proxies),
    PATH: systemPath,
    LC_ALL: "C.UTF-8",
    TZ: "UTC",
    DEBIAN_FRONTEND: "noninteractive",
  };
}

async function configure(options: AptOptions): Promise<string> {
  const { folder, request, context } = options;
  for (const path of ["lists/partial", "cache/archives/partial", "etc/apt.conf.d", "etc/preferences.d"]) {
    mkdirSync(join(folder, path), { recursive: true });
  }
  writeFileSync(join(folder, "status"), "");
  writeFileSync(join(folder, "etc/sources.list"), `${sourceLine(options)}\n`);
  const settings = {
    Dir: folder,
    "Dir::Etc": join(folder, "etc"),
    "Dir::Etc::SourceList": join(folder, "etc/sources.list"),
    "Dir::Etc::SourceParts": "-",
    "Dir::Etc::netrc": "/etc/apt/auth.conf",
    "Dir::Etc::netrcparts": "/etc/apt/auth.conf.d",
    "Dir::State": folder,
    "Dir::State::status": join(folder, "status"),
    "Dir::Cache": join(folder, "cache"),
    "APT::Architecture": request.architecture,
    "APT::Architectures": request.architecture,
    "APT::Install-Recommends": "false",
    "APT::Sandbox::User": "root",
    "Acquire::Languages": "none",
    "Acquire::ForceHash": "SHA256",
  };
  const own = Object.entries(settings).map(([name, value]) => `${name} ${JSON.stringify(value)};`);
  const file = join(folder, "apt.conf");
  writeFileSync(file, [...(await networkSettings(context)), ...own, ""].join("\n"));
  return file;
}

/** `'http://…/x.deb' name_version_architecture.deb size SHA256:…`; a colon of a version is written %3a. */
function packageOf(line: string): [string, LockedSuite["packages"][string]] {
  const [, name, version, architecture, sha256] =
    /^'\S+' ([^_\s]+)_([^_\s]+)_([^_\s]+)\.deb \d+ SHA256:([0-9a-f]{64})$/.exec(line) ?? [];
  if (name === undefined || version === undefined || architecture === undefined || sha256 === undefined) {
    throw new KilnError(
      "BASE_FAILED",
      `apt-get: got the line ${JSON.stringify(line)}, want a package with its SHA-256`,
    );
  }
  return [name, { version: decodeURIComponent(version), architecture, sha256 }];
}

function dateOf(inRelease: string): number {
  const time = Date.parse(/^Date: (.*)$/m.exec(inRelease)?.[1] ?? "");
  if (Number.isNaN(time)) throw new KilnError("BASE_FAILED", "InRelease: got no Date, want one");
  return Math.floor(time / 1000);
}

function failed(what: string, { stderr, stdout }: ProgramResult, mirror: string): KilnError {
  const said = `${stdout.toString("utf8")}\n${stderr.toString("utf8")}`
    .split("\n")
    .filter((line) => line.trim() !== "");
  const why = (said.find((line) => /^E: |^Err:/.test(line)) ?? said.at(-1) ?? "no word of apt-get").replace(/^E: /, "");
  const unknown = /^Unable to locate package (\S+)/.exec(why)?.[1];
  const look = unknown === undefined ? "" : `the suite has no ${unknown}: look at \`packages\` of the recipe's base; `;
  return new KilnError("BASE_FAILED", `${what}: ${why}`, {
    hint: `${look}the mirror is ${withoutPassword(mirror)}: KILN_DEBIAN_MIRROR or KILN_UBUNTU_MIRROR names another`,
    details: { lastLines: said.slice(-20) },
  });
}

function withoutPassword(address: string): string {
  const url = URL.parse(address);
  if (url === null || url.password === "") return address;
  url.password = "***";
  return url.href;
}
