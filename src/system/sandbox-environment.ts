// The environment of everything that runs in a sandbox: given whole, never inherited, the same on every machine.

import type { SandboxOptions, SandboxRun } from "./sandbox.ts";

export interface Places {
  readonly home: string;
  readonly temporary: string;
  readonly path: string;
  readonly secrets: string | undefined;
  readonly certificates: string | undefined;
}

export function environmentOf(options: SandboxOptions, run: SandboxRun, places: Places): Record<string, string> {
  const { conditions, tools } = options;
  return {
    // A recipe may say otherwise of these; of all that follows, it can't.
    NO_UPDATE_NOTIFIER: "1",
    npm_config_audit: "false",
    npm_config_fund: "false",
    npm_config_update_notifier: "false",
    // Without a network npm asks for a minute before it says so.
    ...(run.network === "closed" ? { npm_config_offline: "true" } : {}),
    ...options.base?.env,
    ...options.env,
    ...(run.network === "open" ? { ...options.networkEnv, ...certificatesOf(places.certificates) } : {}),
    ...(run.network === "closed" && tools.clock !== undefined ? clockOf(tools.clock.seen, options) : {}),
    ...(places.secrets === undefined ? {} : { KILN_SECRETS: places.secrets }),
    PATH: places.path,
    HOME: places.home,
    TMPDIR: places.temporary,
    USER: "build",
    LOGNAME: "build",
    SHELL: "/bin/sh",
    LANG: "C.UTF-8",
    LC_ALL: "C.UTF-8",
    TZ: conditions.timeZone,
    CI: "true",
  };
}

/**
 * An offset, not a start: all processes of a bake share one clock that goes on. Timers stay real; file times too. (libfaketime
 * would answer more calls, and one of them wrongly: with it no Python from 3.11 on can sleep.)
 */
function clockOf(library: string, { conditions, now }: SandboxOptions): Record<string, string> {
  const offset = conditions.clock - Math.floor(now / 1000);
  return {
    LD_PRELOAD: library,
    // What it subtracts.
    DATEFUDGE: String(-offset),
  };
}

/** Every name under which programs look for the machine's certificates. */
function certificatesOf(file: string | undefined): Record<string, string> {
  if (file === undefined) return {};
  const names = ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "PIP_CERT"];
  return Object.fromEntries([...names, "REQUESTS_CA_BUNDLE", "CARGO_HTTP_CAINFO"].map((name) => [name, file]));
}

/** Runs `argv` under a umask: the one thing that neither bubblewrap nor Node can set for a child. */
export function underUmask(umask: number, argv: readonly string[]): [string, ...string[]] {
  return ["/bin/sh", "-c", 'umask "$1"; shift; exec "$@"', "sh", umask.toString(8).padStart(4, "0"), ...argv];
}
