// One request to a web server that serves a store: redirects are followed a few times, what may pass is tried again, and
// absent, refused and unreachable stay three different outcomes. A server that stops sending is noticed.

import { KilnError, isKilnError } from "../errors.ts";
import { checkSignal, retry } from "../system/retry.ts";

export interface HttpOptions {
  readonly signal: AbortSignal;
  /** Milliseconds without a byte after which a connection counts as dead; 30 s when left out. */
  readonly patience?: number;
  /** Milliseconds before the second attempt; 250 when left out. */
  readonly pause?: number;
}

export interface Request {
  readonly method: "GET" | "HEAD";
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An answer with status 200, 206 or 416. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** The next bytes, `undefined` at the end. Throws STORE_UNREACHABLE, CANCELLED. */
  readonly read: () => Promise<Uint8Array | undefined>;
  /** No more bytes are wanted. A small rest is read, so that the connection can serve the next request; else it is ended. */
  readonly leave: () => Promise<void>;
}

/** How often one request is sent, and how often a body that ended early is resumed. */
export const attempts = 5;
const redirectLimit = 5;
/** Bytes of an answer nobody wants that are quicker read than a new connection is made. */
const smallRest = 64 * 1024;

/** `undefined`: the server says that there is no such object. Throws STORE_UNREACHABLE, STORE_REFUSED, CANCELLED. */
export async function request(asked: Request, options: HttpOptions): Promise<Answer | undefined> {
  return retry(() => follow(asked, options), {
    signal: options.signal,
    attempts,
    pause: options.pause ?? 250,
    passes: (error) => isKilnError(error, "STORE_UNREACHABLE") && error.details["passing"] === true,
  });
}

async function follow(asked: Request, options: HttpOptions): Promise<Answer | undefined> {
  let url = asked.url;
  for (let redirects = 0; redirects <= redirectLimit; redirects++) {
    const { answer, target } = await send({ ...asked, url }, options);
    if (target === undefined) return judge(answer, url);
    await answer.leave();
    const next = URL.canParse(target, url.href) ? new URL(target, url) : undefined;
    // A server on https doesn't take its readers to where others listen, or to a file.
    if (next === undefined || !(next.protocol === "https:" || next.protocol === url.protocol)) {
      throw unreachable(asked.url, `a redirect to ${JSON.stringify(target)}`);
    }
    url = next;
  }
  throw unreachable(asked.url, `more than ${redirectLimit} redirects`);
}

async function judge(answer: Answer, url: URL): Promise<Answer | undefined> {
  const { status, headers } = answer;
  const encoding = headers.get("content-encoding") ?? "identity";
  if (status === 200 || status === 206 || status === 416) {
    if (encoding === "identity") return answer;
    await answer.leave();
    throw unreachable(url, `the bytes in content-encoding ${encoding}`, {
      hint: "the server must send files as they are: switch its compression off for the store, and encodings by file name",
    });
  }
  await answer.leave();
  if (status === 404 || status === 410) return undefined;
  if (status === 401 || status === 403) {
    throw new KilnError("STORE_REFUSED", `${url.href}: got HTTP ${status}, want an object or 404`, {
      hint:
        status === 401
          ? "the server wants credentials; a store must be readable without"
          : "the server must allow reading everything (a bucket also listing, else it answers 403 for what isn't there)",
      details: { url: url.href, status },
    });
  }
  throw unreachable(url, `HTTP ${status}`, { passing: status >= 500 || status === 408 || status === 429 });
}

async function send(asked: Request, options: HttpOptions): Promise<{ answer: Answer; target: string | undefined }> {
  const { url, method } = asked;
  const connection = new AbortController();
  /** What `work` gives, unless nothing comes for too long. */
  const inTime = async <T>(work: () => Promise<T>): Promise<T> => {
    const patience = options.patience ?? 30_000;
    const timer = setTimeout(() => connection.abort(new Error(`nothing came for ${patience} ms`)), patience);
    try {
      return await work();
    } catch (cause) {
      checkSignal(options.signal);
      throw unreachable(url, reasonOf(cause), { passing: true, cause });
    } finally {
      clearTimeout(timer);
    }
  };
  const response = await inTime(() =>
    fetch(url, {
      method,
      redirect: "manual",
      headers: { "accept-encoding": "identity", ...asked.headers },
      signal: AbortSignal.any([options.signal, connection.signal]),
    }),
  );
  const reader = response.body?.getReader();
  const read = async () => (reader === undefined ? undefined : (await inTime(() => reader.read())).value);
  const answer: Answer = {
    status: response.status,
    headers: response.headers,
    read,
    leave: async () => {
      if (reader === undefined) return;
      if (Number(response.headers.get("content-length") ?? Infinity) > smallRest) connection.abort();
      else await drain(read);
    },
  };
  const isRedirect = [301, 302, 303, 307, 308].includes(response.status);
  return { answer, target: isRedirect ? (response.headers.get("location") ?? "") : undefined };
}

async function drain(read: Answer["read"]): Promise<void> {
  try {
    while ((await read()) !== undefined);
  } catch (error) {
    // Nobody wants these bytes, and whoever wanted to stop is hearing so elsewhere. Leaving must not fail: Node's own
    // Array.fromAsync leaves again and again when it does.
    if (!isKilnError(error, "STORE_UNREACHABLE", "CANCELLED")) throw error;
  }
}

/** `got` completes "got …". `passing`: it may go away by itself. */
export function unreachable(
  url: URL,
  got: string,
  options: { readonly passing?: boolean; readonly hint?: string; readonly cause?: unknown } = {},
): KilnError {
  return new KilnError("STORE_UNREACHABLE", `${url.href}: got ${got}`, {
    hint: options.hint ?? "check the address and the network, and try again",
    details: { url: url.href, passing: options.passing ?? false },
    cause: options.cause,
  });
}

/** fetch says "fetch failed" and hides the reason in a chain of causes. */
function reasonOf(error: unknown): string {
  let reason = error;
  while (reason instanceof Error && reason.cause instanceof Error) reason = reason.cause;
  if (!(reason instanceof Error)) return String(reason);
  return "code" in reason && !reason.message.includes(String(reason.code)) && reason.code !== 20
    ? `${String(reason.code)} ${reason.message}`.trim()
    : reason.message;
}
