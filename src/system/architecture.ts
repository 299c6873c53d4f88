// Which machine a folder's programs are for, told from their ELF headers: nobody has to say it in a recipe, or can get it
// wrong. Only files that may be programs or libraries are opened.

import { closeSync, openSync, readSync } from "node:fs";

import type { Entry, FileEntry } from "./archive-entries.ts";

export interface Architecture {
  /** Node's `process.arch`. */
  readonly node: string;
  /** `dpkg --print-architecture`. */
  readonly debian: string;
}

/** ELF class, byte order and machine → names. */
const known: Readonly<Record<string, Architecture>> = {
  "2-1-62": { node: "x64", debian: "amd64" },
  "2-1-183": { node: "arm64", debian: "arm64" },
  "1-1-3": { node: "ia32", debian: "i386" },
  "1-1-40": { node: "arm", debian: "armhf" },
  "2-1-21": { node: "ppc64", debian: "ppc64el" },
  "2-2-22": { node: "s390x", debian: "s390x" },
  "2-1-243": { node: "riscv64", debian: "riscv64" },
};

/** Both names of the machine that Node calls `node`. */
export function architectureNamed(node: string): Architecture {
  return Object.values(known).find((one) => one.node === node) ?? { node, debian: node };
}

/** The architectures of the Linux programs among `entries`, each once; empty when they run anywhere. */
export function architecturesOf(entries: readonly Entry[]): Architecture[] {
  return [...new Set(entries.flatMap((entry) => architectureOf(entry) ?? []))];
}

/** The machine that a program or library is for; undefined for every other entry. */
export function architectureOf(entry: Entry): Architecture | undefined {
  const head = Buffer.alloc(20);
  if (entry.type !== "file" || entry.size < head.length || !mayBeProgram(entry)) return undefined;
  const file = openSync(entry.source, "r");
  try {
    readSync(file, head, 0, head.length, 0);
  } finally {
    closeSync(file);
  }
  return known[machineOf(head)];
}

/** The architecture that Debian calls so; one that Kiln doesn't know has the same name everywhere. */
export function debianArchitecture(name: string): Architecture {
  return Object.values(known).find(({ debian }) => debian === name) ?? { node: name, debian: name };
}

function mayBeProgram(entry: FileEntry): boolean {
  return entry.executable || /\.(?:node|so[.0-9]*|a|o)$/.test(entry.path);
}

function machineOf(head: Buffer): string {
  if (head.toString("latin1", 0, 4) !== "\u007fELF") return "none";
  const machine = head[5] === 2 ? head.readUInt16BE(18) : head.readUInt16LE(18);
  return `${head[4]}-${head[5]}-${machine}`;
}

/** Debian's name for a machine that Node calls `node`; Node's own where there is none. */
export function debianName(node: string): string {
  return Object.values(known).find((one) => one.node === node)?.debian ?? node;
}
