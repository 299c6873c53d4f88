// The packages of a Debian machine, from dpkg's own database: what compilers and libraries a build may use. Read as text,
// since a query through dpkg would cost more than the rest of a cached bake.

import { readFileSync } from "node:fs";

import { isSystemError } from "../errors.ts";

/** Package (`gcc`, or `libc6:amd64` beside another architecture's) → version; empty on a machine without dpkg. */
export function installedPackages(status = "/var/lib/dpkg/status"): Map<string, string> {
  const found = new Map<string, string>();
  for (const stanza of readText(status).split("\n\n")) {
    const field = (name: string): string | undefined => valueOf(stanza, name);
    const name = field("Package");
    const version = field("Version");
    if (name === undefined || version === undefined || !(field("Status") ?? "").endsWith(" installed")) continue;
    found.set(field("Multi-Arch") === "same" ? `${name}:${field("Architecture")}` : name, version);
  }
  return found;
}

/** `Debian GNU/Linux 12 (bookworm)`, or `unknown`. */
export function systemName(release = "/etc/os-release"): string {
  return /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(readText(release))?.[1] ?? "unknown";
}

/** `bookworm`; undefined where a system doesn't say. */
export function suiteName(release = "/etc/os-release"): string | undefined {
  return /^VERSION_CODENAME="?([a-z0-9-]+)"?$/m.exec(readText(release))?.[1];
}

function valueOf(stanza: string, name: string): string | undefined {
  const start = stanza.startsWith(`${name}: `) ? 0 : stanza.indexOf(`\n${name}: `) + 1;
  if (start === 0 && !stanza.startsWith(`${name}: `)) return undefined;
  const end = stanza.indexOf("\n", start);
  return stanza.slice(start + name.length + 2, end < 0 ? undefined : end);
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return "";
    throw error;
  }
}
