// `npm run registry -- --store ./store`: Verdaccio before a Kiln store, until it is stopped.

import { readFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { parse } from "yaml";

import { loadConfiguration, requireStore } from "../src/commands/configuration.ts";
import type { Context } from "../src/context.ts";
import { KilnError } from "../src/errors.ts";
import { failureOf, failureText } from "../src/program/failure.ts";
import { silent } from "../src/report.ts";
import { lookOf } from "../src/terminal/look.ts";
import { readOnly } from "./gate.ts";
import { searched } from "./search.ts";
import { openSource } from "./source.ts";

const usage = `usage: npm run registry -- --store STORE [--trust FILE] [--listen HOST:PORT]

Serves the npm packages of a store, read-only.

  --store STORE       a folder, s3://BUCKET/PREFIX?endpoint=…, or https://…; also KILN_STORE
  --trust FILE        the pinned public keys; also KILN_TRUST
  --listen HOST:PORT  127.0.0.1:4873 by default; port 0 takes a free one
`;

// Verdaccio leaves work behind that nobody needs.
process.exit(await main(process.argv.slice(2)));

async function main(args: readonly string[]): Promise<number> {
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => stop.abort());
  try {
    await serve(args, stop.signal);
    return 0;
  } catch (error) {
    const failure = failureOf(error, new AbortController().signal);
    process.stderr.write(
      `${failureText("registry", failure, { look: lookOf({ env: process.env, isTerminal: process.stderr.isTTY }), detail: "normal" })}\n`,
    );
    return failure.exit;
  }
}

async function serve(args: readonly string[], signal: AbortSignal): Promise<void> {
  const options = readOptions(args);
  if (options.help) return void process.stdout.write(usage);
  const context: Context = { now: () => Date.now(), signal, report: silent, env: process.env, cwd: process.cwd() };
  const configuration = await loadConfiguration({ arguments: [], options }, context);
  const settings = { address: requireStore(configuration), trust: configuration.trust };
  // Before it listens: a store or a trust file that isn't there is an error now, not with each request.
  const source = await openSource(settings, context);
  const [verdaccio] = (await runServer(settings)).listeners("request") as RequestListener[];
  if (verdaccio === undefined) throw new TypeError("Verdaccio answers no requests");
  const served = {
    signingKeys: () => source.signingKeys(),
    search: (query: URLSearchParams) => searched(source, query),
  };
  const server = createServer(readOnly(verdaccio, served));
  process.stdout.write(`the packages of ${settings.address} are at ${await listen(server, options.listen)}\n`);
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

function readOptions(args: readonly string[]) {
  const one = { type: "string" } as const;
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { store: one, trust: one, listen: { ...one, default: "127.0.0.1:4873" }, help: { type: "boolean" } },
    });
    return values;
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw new KilnError("USAGE", cause.message, { hint: "`npm run registry -- --help` shows what there is", cause });
  }
}

/** Verdaccio, not listening. */
async function runServer({ address, trust }: { address: string; trust: string | undefined }): Promise<Server> {
  const here = import.meta.dirname;
  const settings = parse(readFileSync(join(here, "config.yaml"), "utf8")) as Record<string, unknown>;
  const kiln = { address, ...(trust === undefined ? {} : { trust }) };
  const whole = { ...settings, plugins: join(here, "plugins"), configPath: join(here, "config.yaml"), store: { kiln } };
  return (load() as { runServer(config: unknown): Promise<Server> }).runServer(whole);
}

function load(): unknown {
  try {
    return createRequire(import.meta.url)("verdaccio");
  } catch (cause) {
    if (!(cause instanceof Error && "code" in cause && cause.code === "MODULE_NOT_FOUND")) throw cause;
    throw new KilnError("TOOL_MISSING", "registry/node_modules: got no Verdaccio, want it installed", {
      hint: "start it by `npm run registry`, which installs it",
      cause,
    });
  }
}

/** Where it is reached. */
async function listen(server: Server, at: string): Promise<string> {
  const [, host = "", port = ""] = /^(.+):([0-9]{1,5})$/.exec(at) ?? [];
  if (host === "" || Number(port) > 65_535) {
    throw new KilnError("USAGE", `--listen: got ${at}, want HOST:PORT`, { hint: "as in --listen 127.0.0.1:4873" });
  }
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(Number(port), host.replace(/^\[|\]$/g, ""), resolve);
  });
  const address = server.address();
  const actual = typeof address === "object" && address !== null ? address.port : port;
  return `http://${host}:${actual}/`;
}
