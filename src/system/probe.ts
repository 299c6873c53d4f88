// Asks something whether it is well: over HTTP, by a TCP connection, or by a program's exit status; again and again until
// it says yes or the time is over. What answers is untrusted and may hang: every attempt has an end of its own.

import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

import { isKilnError, KilnError } from "../errors.ts";
import { endOf, runProgram } from "./process.ts";

export type Question =
  | { readonly http: string }
  /** `host:port`. */
  | { readonly tcp: string }
  | { readonly command: readonly [string, ...string[]] };

export interface ProbeOptions {
  /** Milliseconds. */
  readonly within: number;
  /** For a command: absolute path, and all that it sees. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Says why asking on is of no use, if so: what is asked has died. */
  readonly hopeless: () => string | undefined;
}

const noAnswer = "no answer in time";
/** Milliseconds that one attempt may take. */
const attemptLimit = 5000;

/** Returns `undefined` once the answer was good, or else what the last answer was. Throws CANCELLED. */
export async function probe(question: Question, options: ProbeOptions): Promise<string | undefined> {
  const deadline = performance.now() + options.within;
  let pause = 25;
  let last: string | undefined;
  for (;;) {
    const before = options.hopeless();
    if (before !== undefined) return before;
    const left = Math.max(1, deadline - performance.now());
    const answer = await ask(question, options, Math.min(attemptLimit, left));
    // An attempt that the deadline cut short says less than the one before it.
    if (answer !== noAnswer) last = answer;
    if (options.signal.aborted) throw new KilnError("CANCELLED", "the probe was interrupted");
    // A good answer from a dead process was somebody else's: its port was taken.
    if (answer === undefined) return options.hopeless();
    if (performance.now() + pause >= deadline) return last ?? noAnswer;
    await sleep(pause);
    pause = Math.min(pause * 1.5, 1000);
  }
}

async function ask(question: Question, options: ProbeOptions, limit: number): Promise<string | undefined> {
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(Math.ceil(limit))]);
  if ("http" in question) return await askHttp(question.http, signal);
  if ("tcp" in question) return await askTcp(question.tcp, signal);
  return await askCommand(question.command, options, signal);
}

/**
 * Any 2xx is good; a redirect isn't, since it may lead to something else that is well. Not `fetch`: it refuses to ask at
 * ports that browsers avoid, where services do listen.
 */
async function askHttp(url: string, signal: AbortSignal): Promise<string | undefined> {
  const { get } = url.startsWith("https:") ? await import("node:https") : await import("node:http");
  return await new Promise<string | undefined>((resolve) => {
    const request = get(url, { signal, agent: false }, (response) => {
      const status = response.statusCode ?? 0;
      resolve(status >= 200 && status < 300 ? undefined : `status ${status}`);
      response.destroy();
    });
    request.on("error", (error) => resolve(signal.aborted ? noAnswer : error.message));
  });
}

async function askTcp(address: string, signal: AbortSignal): Promise<string | undefined> {
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  const socket = connect({ host, port: Number(address.slice(colon + 1)), signal });
  try {
    return await new Promise<string | undefined>((resolve) => {
      socket.once("connect", () => resolve(undefined));
      socket.once("error", (error) => resolve(signal.aborted ? noAnswer : error.message));
    });
  } finally {
    socket.destroy();
  }
}

async function askCommand(
  argv: readonly [string, ...string[]],
  { cwd, env }: ProbeOptions,
  signal: AbortSignal,
): Promise<string | undefined> {
  let last = "";
  const onOutput = (piece: Buffer): void => {
    last = (last + piece.toString("utf8")).slice(-500);
  };
  try {
    const result = await runProgram(argv, { cwd, env, signal, onOutput });
    if (result.status === 0) return undefined;
    const line = last.trimEnd().split("\n").at(-1) ?? "";
    return line === "" ? endOf(result) : `${endOf(result)}: ${line}`;
  } catch (error) {
    if (isKilnError(error, "CANCELLED")) return noAnswer;
    if (isKilnError(error, "TOOL_MISSING")) return error.message;
    throw error;
  }
}
