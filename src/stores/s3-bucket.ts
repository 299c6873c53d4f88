// A bucket on Amazon S3 or any server that speaks its protocol: where it is, how it is asked, and what its refusals mean.
// What may pass by itself (429, 500, 503, a connection that breaks) the client tries again, with pauses that grow and are
// spread; a conflict (409: somebody else writes the same key this moment) is tried again here.

import type { S3Client } from "@aws-sdk/client-s3";

import { KilnError } from "../errors.ts";
import { checkSignal, retry } from "../system/retry.ts";
import { loadS3Client } from "./s3-client.ts";
import { checkKey, type ClockReading } from "./store.ts";

export interface Bucket {
  /** As a person would type it. */
  readonly url: string;
  readonly client: S3Client;
  readonly name: string;
  /** What each object's name in the bucket starts with: empty, or with a slash at its end. */
  readonly prefix: string;
  readonly signal: AbortSignal;
  /** What time it is there, by its last answer; undefined: none had a date. */
  readonly clock: () => ClockReading | undefined;
}

/** How often a request is sent that fails for a reason which may pass. */
const attempts = 6;
/** Milliseconds. */
const connectionPatience = 10_000;
const requestPatience = 60_000;

/**
 * The bucket at `s3://BUCKET/PREFIX?endpoint=URL&region=NAME`. Credentials are those that every AWS program finds: variables,
 * ~/.aws, the machine's role. Nothing is asked yet. Throws USAGE.
 */
export async function openBucket(url: string, signal: AbortSignal): Promise<Bucket> {
  const { name, prefix, endpoint, region } = parseAddress(url);
  const { S3Client: Client } = await loadS3Client();
  const client = new Client({
    // A server of one's own has no regions, but signatures name one.
    ...(region === undefined ? (endpoint === undefined ? {} : { region: "us-east-1" }) : { region }),
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
    maxAttempts: attempts,
    // What each request passes through is put together once: nothing is added after `clockOf`.
    cacheMiddleware: true,
    // Servers that don't answer to it keep each part waiting for a second.
    expectContinueHeader: false,
    requestHandler: { connectionTimeout: connectionPatience, requestTimeout: requestPatience },
    // What is written is signed with its SHA-256, and parts have a checksum each.
    requestChecksumCalculation: "WHEN_REQUIRED",
    // Whatever is read is checked against a SHA-256 by whoever reads it.
    responseChecksumValidation: "WHEN_REQUIRED",
  });
  return { url, client, name, prefix, signal, clock: clockOf(client) };
}

function clockOf(client: S3Client): Bucket["clock"] {
  let answer: { readonly date: number; readonly asked: number; readonly received: number } | undefined;
  client.middlewareStack.add(
    (next) => async (args) => {
      const asked = performance.now();
      const result = await next(args);
      const date = dateOf(result.response);
      if (!Number.isNaN(date)) answer = { date, asked, received: performance.now() };
      return result;
    },
    // Below what makes errors of answers: those have a date too.
    { step: "deserialize", name: "serverClock", priority: "low" },
  );
  return () => {
    if (answer === undefined) return undefined;
    const now = performance.now();
    // The header names a whole second.
    return { earliest: answer.date + now - answer.received, latest: answer.date + 1000 + now - answer.asked };
  };
}

/** NaN: it has none. */
function dateOf(response: unknown): number {
  const { headers } = response as { readonly headers?: Readonly<Record<string, string>> };
  return Date.parse(headers?.["date"] ?? "");
}

interface Address {
  readonly name: string;
  readonly prefix: string;
  readonly endpoint: string | undefined;
  readonly region: string | undefined;
}

function parseAddress(text: string): Address {
  const wrong = (got: string) =>
    new KilnError("USAGE", `store ${withoutPassword(text)}: got ${got}, want s3://BUCKET/PREFIX`, {
      hint: "s3://BUCKET/PREFIX?endpoint=https://HOST&region=NAME; credentials come from AWS_ACCESS_KEY_ID and the like",
    });
  const url = URL.parse(text);
  if (url === null) throw wrong("an address that can't be parsed");
  if (url.username !== "" || url.password !== "" || url.port !== "") throw wrong("a user, password or port");
  const { hostname: name, searchParams } = url;
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name)) throw wrong(`the bucket ${JSON.stringify(name)}`);
  const unknown = [...searchParams.keys()].find((key) => key !== "endpoint" && key !== "region");
  if (unknown !== undefined) throw wrong(`the parameter ${unknown}`);
  const endpoint = searchParams.get("endpoint") ?? undefined;
  if (endpoint !== undefined && !/^https?:$/.test(URL.parse(endpoint)?.protocol ?? "")) {
    throw wrong(`the endpoint ${JSON.stringify(endpoint)}`);
  }
  const path = url.pathname.replace(/^\/+|\/+$/g, "");
  if (path !== "") checkKey(path);
  return {
    name,
    prefix: path === "" ? "" : `${path}/`,
    endpoint,
    region: searchParams.get("region") ?? undefined,
  };
}

function withoutPassword(text: string): string {
  return text.replace(/\/\/[^/]*@/, "//…@");
}

/** The object's name in the bucket. Throws NAME_INVALID. */
export function placeOf({ prefix }: Bucket, key: string): string {
  return prefix + checkKey(key);
}

/** What `send` answers; a conflict is tried again. Other failures pass through as the client throws them. */
export async function asking<T>({ signal }: Bucket, send: () => Promise<T>): Promise<T> {
  return retry(send, { signal, attempts, pause: 100, passes: (error) => statusOf(error) === 409 });
}

/** The HTTP status of what the client threw; `undefined` when there was no answer. */
export function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("$metadata" in error)) return undefined;
  return (error.$metadata as { httpStatusCode?: number }).httpStatusCode;
}

/** What `work` returns; the client's errors get a code, unless `isForeign` says that they aren't its own. */
export async function explained<T>(
  bucket: Bucket,
  work: () => Promise<T>,
  isForeign: (error: unknown) => boolean = () => false,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof KilnError || isForeign(error)) throw error;
    checkSignal(bucket.signal);
    throw explain(bucket, error);
  }
}

export function explain({ url }: Bucket, error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const status = statusOf(error);
  const got = `got ${status === undefined ? "" : `HTTP ${status}, `}${error.name}: ${error.message}`;
  const options = { cause: error, details: { url, status: status ?? null } };
  if (error.name === "NoSuchBucket") {
    return new KilnError("STORE_NOT_FOUND", `store ${url}: got no such bucket`, {
      ...options,
      hint: "make the bucket first, or correct its name",
    });
  }
  if (error.name === "CredentialsProviderError" || status === 401 || status === 403) {
    return new KilnError("STORE_REFUSED", `store ${url}: ${got}`, {
      ...options,
      hint: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or AWS_PROFILE); they need to list, get, put and delete objects",
    });
  }
  // What isn't an answer and has no code of the system's is a fault of ours.
  if (status === undefined && !("code" in error) && !/timeout|socket|network/i.test(`${error.name} ${error.message}`)) {
    return error;
  }
  return new KilnError("STORE_UNREACHABLE", `store ${url}: ${got}`, {
    ...options,
    hint: "check the endpoint and the network, and try again",
  });
}
