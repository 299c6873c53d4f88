// A store behind any static web server, for readers. Plain http is as good as https here: everything that is read is
// verified against pinned keys, and the checkpoint says how fresh it is; https only hides what is fetched.
// What the server sends is never cut short silently: a body that ends early is resumed, or an error.

import { isKilnError, KilnError } from "../errors.ts";
import { type Answer, attempts, type HttpOptions, request, unreachable } from "./http-request.ts";
import { type ByteRange, checkKey, documentLimit, type ObjectInfo, type ReadableStore } from "./store.ts";

/** Opens the store at `url` (http or https). Nothing is fetched yet. Throws USAGE. */
export function openHttpStore(url: string, options: HttpOptions): ReadableStore {
  const base = baseOf(url);
  const find = (key: string): Source => {
    // `+` is escaped too: some servers take it for a space.
    const path = checkKey(key).split("/").map(encodeURIComponent).join("/");
    return { url: new URL(path, base), options };
  };
  return {
    url: base.href,
    async get(key, range) {
      if (range === undefined) return getWhole(find(key));
      return range.length === 0 ? getNothing(find(key)) : getRange(find(key), range);
    },
    head: async (key) => getInfo(find(key)),
  };
}

interface Source {
  readonly url: URL;
  readonly options: HttpOptions;
}

/** Where the next byte of an answer lies in the object, and where it shall end. */
interface Span {
  readonly start: number;
  readonly end: number;
}

type Found = ObjectInfo & { readonly body: AsyncIterable<Uint8Array> };

function baseOf(text: string): URL {
  if (!URL.canParse(text)) {
    throw new KilnError("USAGE", `store ${text}: got an address that can't be parsed`, { hint: "https://HOST/PATH" });
  }
  const url = new URL(text);
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    throw new KilnError("USAGE", `store ${url.origin}: got an address with credentials, ? or #, want a plain one`, {
      hint: "a store is readable without credentials: https://HOST/PATH",
    });
  }
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  return url;
}

async function getWhole(source: Source): Promise<Found | undefined> {
  const answer = await ask(source, "GET");
  if (answer === undefined) return undefined;
  const size = contentLength(answer);
  if (size === undefined) return buffered(source, answer);
  return { ...infoOf(answer, size), body: bytesOf(source, answer, { start: 0, end: size }) };
}

async function getRange(source: Source, range: ByteRange): Promise<Found | undefined> {
  const answer = await ask(source, "GET", { range: `bytes=${range.start}-${range.start + range.length - 1}` });
  if (answer === undefined) return undefined;
  if (answer.status === 416) {
    await answer.leave();
    return getNothing(source);
  }
  if (answer.status === 206) {
    const { start, size } = await sentRange(source, answer, range.start);
    const end = Math.min(range.start + range.length, size);
    return { ...infoOf(answer, size), body: bytesOf(source, answer, { start, end }) };
  }
  // The server sends everything, whatever it was asked.
  const size = contentLength(answer);
  const whole =
    size === undefined
      ? await buffered(source, answer)
      : { ...infoOf(answer, size), body: bytesOf(source, answer, { start: 0, end: size }) };
  return { ...whole, body: cut(whole.body, range) };
}

async function getNothing(source: Source): Promise<Found | undefined> {
  const info = await getInfo(source);
  return info && { ...info, body: pieces([]) };
}

async function getInfo(source: Source): Promise<ObjectInfo | undefined> {
  const answer = await ask(source, "HEAD");
  if (answer === undefined) return undefined;
  await answer.leave();
  const size = contentLength(answer);
  if (size !== undefined) return infoOf(answer, size);
  // A server that makes its answers as it goes doesn't know the length beforehand.
  const found = await getWhole(source);
  if (found === undefined) return undefined;
  const { body, ...info } = found;
  await body[Symbol.asyncIterator]().return?.();
  return info;
}

/** As `request`, for statuses that a whole object can have; 206 and 416 only when a range was asked for. */
async function ask(
  { url, options }: Source,
  method: "GET" | "HEAD",
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer | undefined> {
  const answer = await request({ method, url, headers }, options);
  if (answer === undefined || answer.status === 200 || "range" in headers) return answer;
  await answer.leave();
  throw unreachable(url, `HTTP ${answer.status}, which nobody asked for`);
}

function contentLength({ headers }: Answer): number | undefined {
  const text = headers.get("content-length");
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** Start of the range that was sent, and the size of the whole. */
async function sentRange({ url }: Source, answer: Answer, start: number): Promise<{ start: number; size: number }> {
  const text = answer.headers.get("content-range");
  const match = /^bytes (\d{1,15})-\d{1,15}\/(\d{1,15})$/.exec(text ?? "");
  if (match !== null && Number(match[1]) === start) return { start, size: Number(match[2]) };
  await answer.leave();
  throw unreachable(url, `content-range ${JSON.stringify(text)}, want one from byte ${start}`);
}

/** Where the server has no etag, the size and the date stand for it; where it has no date, the answer's own does. */
function infoOf({ headers }: Answer, size: number): ObjectInfo {
  const date = headers.get("last-modified") ?? headers.get("date") ?? "";
  const modified = Date.parse(date);
  return {
    size,
    etag: headers.get("etag") ?? `${size} ${date}`,
    modified: Number.isNaN(modified) ? 0 : modified,
  };
}

/** An answer without a length: it is read whole to know its size, so it must be small. */
async function buffered(source: Source, answer: Answer): Promise<Found> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for (let part = await answer.read(); part !== undefined; part = await answer.read()) {
    size += part.length;
    parts.push(part);
    if (size <= documentLimit) continue;
    await answer.leave();
    throw unreachable(source.url, `over ${documentLimit} bytes without content-length`, {
      hint: "the server must say how long its files are",
    });
  }
  return { ...infoOf(answer, size), body: pieces(parts) };
}

/**
 * The bytes of `span`, which starts where `first` starts. When the connection breaks, the rest is asked for, if the server
 * gave a strong etag to ask by: then it is the same version, or an error.
 */
function bytesOf(source: Source, first: Answer, span: Span): AsyncIterable<Uint8Array> {
  let answer = first;
  let position = span.start;
  let resumed = 0;
  const resume = async (reason: KilnError): Promise<void> => {
    await answer.leave();
    const etag = first.headers.get("etag") ?? "";
    resumed += 1;
    if (!etag.startsWith('"') || resumed >= attempts) throw reason;
    const next = await ask(source, "GET", { range: `bytes=${position}-${span.end - 1}`, "if-range": etag });
    if (next?.status !== 206 || next.headers.get("etag") !== etag) {
      await next?.leave();
      throw reason;
    }
    await sentRange(source, next, position);
    answer = next;
  };
  const iterator: AsyncIterator<Uint8Array, undefined> = {
    async next() {
      while (position < span.end) {
        const piece = await pieceOf(source, answer);
        if (piece instanceof KilnError) {
          await resume(piece);
          continue;
        }
        const value = piece.subarray(0, span.end - position);
        position += value.length;
        return { done: false, value };
      }
      await answer.leave();
      return { done: true, value: undefined };
    },
    async return() {
      await answer.leave();
      return { done: true, value: undefined };
    },
  };
  return { [Symbol.asyncIterator]: () => iterator };
}

/** The next bytes, or why there are none though there should be. */
async function pieceOf({ url }: Source, answer: Answer): Promise<Uint8Array | KilnError> {
  try {
    return (await answer.read()) ?? unreachable(url, "an end before the length that was announced");
  } catch (error) {
    if (isKilnError(error, "STORE_UNREACHABLE")) return error;
    throw error;
  }
}

/** The bytes of `range` alone. */
async function* cut(body: AsyncIterable<Uint8Array>, range: ByteRange): AsyncGenerator<Uint8Array, void, void> {
  const end = range.start + range.length;
  let position = 0;
  for await (const piece of body) {
    const wanted = piece.subarray(Math.max(0, range.start - position), Math.max(0, end - position));
    position += piece.length;
    if (wanted.length > 0) yield wanted;
    if (position >= end) return;
  }
}

async function* pieces(parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void, void> {
  yield* parts;
}
