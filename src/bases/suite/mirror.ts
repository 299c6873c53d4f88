// Where the packages of a distribution are fetched from: a snapshot service for a date, else the mirror that the machine is
// configured for. Whatever it is, it can only deliver what the lock file names, or be refused; so it is no part of a digest.

import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { KilnError } from "../../errors.ts";
import type { BaseSettings, Distribution } from "../base.ts";

const services = {
  debian: {
    mirror: () => "http://deb.debian.org/debian",
    snapshots: "https://snapshot.debian.org/archive/debian",
    keyring: "debian-archive-keyring",
  },
  ubuntu: {
    // Other architectures than these two have servers of their own.
    mirror: (architecture: string) =>
      /^(?:amd64|i386)$/.test(architecture)
        ? "http://archive.ubuntu.com/ubuntu"
        : "http://ports.ubuntu.com/ubuntu-ports",
    snapshots: "https://snapshot.ubuntu.com/ubuntu",
    keyring: "ubuntu-archive-keyring",
  },
} as const;

export interface MirrorQuestion {
  readonly distribution: Distribution;
  readonly architecture: string;
  readonly snapshot?: string | undefined;
  /** What the recipe says. */
  readonly mirror?: string | undefined;
  readonly settings: BaseSettings;
  /** `/etc`, but for tests. */
  readonly etc?: string;
}

/** The address, without a slash at its end. */
export function mirrorOf(question: MirrorQuestion): string {
  const { distribution, architecture, snapshot, mirror, settings, etc = "/etc" } = question;
  const service = services[distribution];
  const found =
    snapshot === undefined
      ? (settings.mirrors[distribution] ?? mirror ?? machineMirror(distribution, etc) ?? service.mirror(architecture))
      : `${(mirror ?? service.snapshots).replace(/\/+$/, "")}/${snapshot}`;
  return (found.startsWith("/") ? `file:${found}` : found).replace(/\/+$/, "");
}

/** Path of the keyring that an InRelease must be signed with: `keys`, put into `folder`, or the distribution's. Throws TOOL_MISSING. */
export function putKeyring(distribution: Distribution, keys: Uint8Array | undefined, folder: string): string {
  if (keys === undefined) return keyringOf(distribution);
  // apt tells the form by the name.
  const isArmored = Buffer.from(keys.subarray(0, 5)).toString("latin1") === "-----";
  const path = join(folder, isArmored ? "keyring.asc" : "keyring.gpg");
  writeFileSync(path, keys);
  return path;
}

function keyringOf(distribution: Distribution): string {
  const { keyring } = services[distribution];
  const path = `/usr/share/keyrings/${keyring}.gpg`;
  if (existsSync(path)) return path;
  const name = distribution === "ubuntu" ? "ubuntu-keyring" : keyring;
  throw new KilnError("TOOL_MISSING", `${path}: got no such file, want the keys of ${distribution}`, {
    hint: `apt-get install ${name}, or commit the keys and name them with \`keyring\` in the recipe's base`,
  });
}

/** What the machine's own apt uses for its own suite, if it runs the same distribution. */
function machineMirror(distribution: Distribution, etc: string): string | undefined {
  const release = readText(join(etc, "os-release"));
  const field = (name: string): string | undefined => new RegExp(`^${name}="?([^"\\n]*)"?$`, "m").exec(release)?.[1];
  const codename = field("VERSION_CODENAME");
  if (field("ID") !== distribution || codename === undefined) return undefined;
  const folder = join(etc, "apt/sources.list.d");
  const names = existsSync(folder) ? readdirSync(folder).toSorted() : [];
  const files = [join(etc, "apt/sources.list"), ...names.map((name) => join(folder, name))];
  const sources = files.flatMap((file) => (file.endsWith(".sources") ? stanzas(file) : lines(file)));
  return sources.find(({ suites, uri }) => suites.includes(codename) && /^(?:https?|file|copy):/.test(uri))?.uri;
}

interface Source {
  readonly uri: string;
  readonly suites: readonly string[];
}

/** `deb [options] URI SUITE COMPONENT …` */
function lines(file: string): Source[] {
  if (!file.endsWith(".list")) return [];
  return readText(file)
    .split("\n")
    .flatMap((line) => {
      const [, uri, suite] = /^\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)/.exec(line) ?? [];
      return uri === undefined || suite === undefined ? [] : [{ uri, suites: [suite] }];
    });
}

/** deb822: `URIs:` and `Suites:` in stanzas. */
function stanzas(file: string): Source[] {
  const text = readText(file).replaceAll(/^#.*\n/gm, "");
  return text.split(/\n\s*\n/).flatMap((stanza) => {
    const words = (name: string): string[] =>
      (new RegExp(`^${name}:(.*(?:\\n[ \\t].*)*)`, "im").exec(stanza)?.[1] ?? "")
        .split(/\s+/)
        .filter((it) => it !== "");
    const [uri] = words("URIs");
    const isOff = words("Enabled")[0]?.toLowerCase() === "no" || !words("Types").includes("deb");
    return uri === undefined || isOff ? [] : [{ uri, suites: words("Suites") }];
  });
}

function readText(path: string): string {
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}
