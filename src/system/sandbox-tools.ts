// What a sandbox brings in from the host beside its system folders: the Node that runs Kiln, npm, the clock library,
// and the machine's CA certificates. They are found on the host and shown at fixed paths, whatever the host's are.

import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";

import { findProgram } from "./tools.ts";

export interface SandboxTools {
  /** Absolute path of the Node executable. */
  readonly node: string;
  readonly npm: Npm | undefined;
  readonly clock: ClockLibrary | undefined;
  /** A PEM file of CA certificates, absolute path. */
  readonly certificates: string | undefined;
}

/** The library of datefudge, absolute paths. */
export interface ClockLibrary {
  /** On the machine. */
  readonly from: string;
  /** As programs inside a sandbox see it. */
  readonly seen: string;
}

export interface Npm {
  /** The folder of the npm package. */
  readonly folder: string;
  readonly version: string;
  /** The folder that has its libraries, if they aren't below its own. */
  readonly libraries: string | undefined;
}

/** Where npm's own program looks for its libraries, if not below its folder: Debian's packages share one folder. */
const sharedLibraries = "/usr/share/nodejs";

/** Programs `npm` and `npx` as shell scripts: npm in `folder`, run by `node`, whatever `node` is in PATH. */
export function npmScripts(folder: string, node: string, libraries?: string): Readonly<Record<string, string>> {
  const path = libraries === undefined ? "" : `NODE_PATH=${libraries} `;
  const script = (name: string) => `#!/bin/sh\n${path}exec '${node}' '${folder}/bin/${name}-cli.js' "$@"\n`;
  return { npm: script("npm"), npx: script("npx") };
}

export interface HostTools {
  /** `process.execPath`. */
  readonly node: string;
  /** The host's PATH. */
  readonly path: string;
}

export function findSandboxTools(host: HostTools): SandboxTools {
  return {
    node: realpathSync(host.node),
    npm: findNpm(host),
    clock: findClock(""),
    certificates: ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"].find((path) =>
      existsSync(path),
    ),
  };
}

/** npm is found by its program in PATH, or beside Node, where Node's own distribution has it. */
function findNpm({ node, path }: HostTools): Npm | undefined {
  const program = findProgram("npm", path);
  const folders = [
    ...(program === undefined ? [] : [dirname(dirname(realpathSync(program)))]),
    join(dirname(realpathSync(node)), "../lib/node_modules/npm"),
  ];
  for (const folder of folders) {
    if (!existsSync(join(folder, "bin/npm-cli.js"))) continue;
    const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { version: string };
    return { folder, version, libraries: folder.startsWith(`${sharedLibraries}/`) ? sharedLibraries : undefined };
  }
  return undefined;
}

/**
 * The tools for a sandbox that shows the root of a base: its own clock library, because it fits the base's C library. The
 * machine's is tried where there is none.
 */
export function toolsFor(tools: SandboxTools, root: string): SandboxTools {
  const machines = tools.clock && { from: tools.clock.from, seen: "/opt/kiln/lib/datefudge.so" };
  return { ...tools, clock: findClock(root) ?? machines };
}

/** Debian has it in a folder per architecture. */
function findClock(root: string): ClockLibrary | undefined {
  const folders = ["/usr/lib", "/usr/lib64"].filter((folder) => existsSync(`${root}${folder}`));
  const found = folders
    .flatMap((folder) => [
      folder,
      ...readdirSync(`${root}${folder}`)
        .filter(isArchitecture)
        .map((name) => join(folder, name)),
    ])
    .map((folder) => join(folder, "datefudge/datefudge.so"))
    .find((path) => existsSync(`${root}${path}`));
  return found === undefined ? undefined : { from: found, seen: found };
}

function isArchitecture(name: string): boolean {
  return name.includes("-linux-gnu");
}
