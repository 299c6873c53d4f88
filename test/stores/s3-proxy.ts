// A proxy before a real S3 server: it writes down what is asked, and may do to a request what networks and busy servers do. A
// fault is one of two sorts: the request never happened, or it happened and its answer didn't come.

import { once } from "node:events";
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * drop: the connection breaks before the request is passed on · cut: in the middle of its body · lost: it happened, and the connection
 * breaks before the answer · cut answer: in the middle of it · delay: late · the others: what a server says instead of doing it
 */
export const faults = ["drop", "cut", "lost", "cut answer", "delay", "500", "503", "409", "412"] as const;
export type Fault = (typeof faults)[number];

export interface S3Request {
  /** From 1, in the order they came. */
  readonly number: number;
  readonly method: string;
  readonly bucket: string;
  /** What is asked for below the bucket, unescaped, with what says more than the key (`?uploads`). */
  readonly path: string;
  readonly isConditional: boolean;
}

export interface S3Proxy {
  readonly endpoint: string;
  /** All that came so far. */
  readonly requests: readonly S3Request[];
  stop(): Promise<void>;
}

/** Listens on a free port of the loopback device. `plan` is asked for each request. */
export async function startS3Proxy(
  target: string,
  plan: (request: S3Request) => Fault | undefined = () => undefined,
): Promise<S3Proxy> {
  const requests: S3Request[] = [];
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const server = createServer((incoming, outgoing) => {
    const asked = describe(incoming, requests.length + 1);
    requests.push(asked);
    pass({ incoming, outgoing, target, agent, fault: plan(asked) }).catch(() => incoming.socket.destroy());
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
      agent.destroy();
    },
  };
}

function describe({ method = "", url = "", headers }: IncomingMessage, number: number): S3Request {
  const { pathname, searchParams } = new URL(url, "http://proxy");
  searchParams.delete("x-id");
  const [, bucket = "", ...segments] = decodeURIComponent(pathname).split("/");
  const path = segments.join("/");
  const more = searchParams.toString();
  const isConditional = headers["if-match"] !== undefined || headers["if-none-match"] !== undefined;
  return { number, method, bucket, path: more === "" ? path : `${path}?${more}`, isConditional };
}

interface Passing {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly target: string;
  readonly agent: Agent;
  readonly fault: Fault | undefined;
}

async function pass(passing: Passing): Promise<void> {
  const { incoming, outgoing, fault } = passing;
  if (fault === "drop") return void incoming.socket.destroy();
  const body = Buffer.concat(await Array.fromAsync(incoming as AsyncIterable<Buffer>));
  const said = fault === undefined ? undefined : refusals[fault];
  if (said !== undefined) return refuse(outgoing, said);
  if (fault === "delay") await sleep(300);
  if (fault === "cut") {
    await sendHalf(passing, body);
    return void incoming.socket.destroy();
  }
  const { answer, content } = await ask(passing, body);
  if (fault === "lost") return void incoming.socket.destroy();
  outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
  if (fault === "cut answer") {
    outgoing.write(content.subarray(0, Math.floor(content.length / 2)), () => incoming.socket.destroy());
    outgoing.flushHeaders();
    if (content.length < 2) incoming.socket.destroy();
    return;
  }
  outgoing.end(content);
}

const refusals: Partial<Record<Fault, readonly [status: number, code: string]>> = {
  "500": [500, "InternalError"],
  "503": [503, "SlowDown"],
  "409": [409, "ConditionalRequestConflict"],
  "412": [412, "PreconditionFailed"],
};

function refuse(outgoing: ServerResponse, [status, code]: readonly [number, string]): void {
  outgoing.writeHead(status, { "content-type": "application/xml" });
  outgoing.end(
    `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>by the proxy</Message></Error>`,
  );
}

async function ask({ incoming, target, agent }: Passing, body: Buffer) {
  const onward = request(target + (incoming.url ?? ""), {
    method: incoming.method,
    headers: headersOf(incoming),
    agent,
  });
  onward.end(body);
  const [answer] = (await once(onward, "response")) as [IncomingMessage];
  return { answer, content: Buffer.concat(await Array.fromAsync(answer as AsyncIterable<Buffer>)) };
}

/** Half a body, and then the connection breaks: the server must not take it for the whole. */
async function sendHalf({ incoming, target }: Passing, body: Buffer): Promise<void> {
  const onward = request(target + (incoming.url ?? ""), {
    method: incoming.method,
    headers: headersOf(incoming),
    agent: false,
  });
  onward.on("error", () => undefined);
  onward.write(body.subarray(0, Math.floor(body.length / 2)), () => onward.destroy());
  await once(onward, "close");
}

/** With the host that the client signed. Bodies come whole, so nobody waits to be told to go on. */
function headersOf({ headers }: IncomingMessage): IncomingMessage["headers"] {
  const { expect: _, ...others } = headers;
  return others;
}
