// Real S3 servers for tests, on loopback, each a process of its own over a folder of its own. Which are there is said by
// tools/setup.mjs, which installs them; one that is missing is an error, never a skipped test.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";

import { programs } from "../../tools/test-programs.mjs";

export interface S3Server {
  readonly endpoint: string;
  /** What it accepts. */
  readonly credentials: Readonly<Record<string, string>>;
  /** Makes an empty bucket; returns the address of a store in it. */
  makeBucket(): Promise<string>;
  stop(): Promise<void>;
}

/** What servers are told to accept; tests put it into their environment. */
export const credentials = { AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "testtest", AWS_REGION: "us-east-1" };

interface Launch {
  readonly argv: readonly [program: string, ...args: string[]];
  readonly env: Readonly<Record<string, string>>;
  /** What it accepts, where it can't be told. */
  readonly credentials?: typeof credentials;
}

export const servers: Readonly<Record<string, (port: number, folder: string) => Launch>> = {
  versitygw: (port, folder) => ({
    argv: [
      programs.versitygw,
      ...["--access", credentials.AWS_ACCESS_KEY_ID, "--secret", credentials.AWS_SECRET_ACCESS_KEY],
      ...["--region", credentials.AWS_REGION, "--port", `127.0.0.1:${port}`, "--quiet", "--keep-alive"],
      ...["posix", "--sidecar", join(folder, "sidecar"), join(folder, "data")],
    ],
    env: {},
  }),
  MiniStack: (port, folder) => ({
    argv: [programs.ministack],
    env: {
      BIND_HOST: "127.0.0.1",
      GATEWAY_PORT: String(port),
      S3_PERSIST: "1",
      S3_DATA_DIR: join(folder, "data"),
      STATE_DIR: join(folder, "state"),
    },
  }),
};

/** Answers "done" whatever the condition of a write: no store can be there. Which it is, is pinned in registry/package-lock.json. */
const careless: typeof servers = {
  s3rver: (port, folder) => ({
    argv: [
      process.execPath,
      join(import.meta.dirname, "../../registry/node_modules/s3rver/bin/s3rver.js"),
      ...["--directory", join(folder, "data"), "--address", "127.0.0.1", "--port", String(port)],
      ...["--silent", "--no-vhost-buckets"],
    ],
    env: {},
    credentials: { ...credentials, AWS_ACCESS_KEY_ID: "S3RVER", AWS_SECRET_ACCESS_KEY: "S3RVER" },
  }),
};

/** For benches: it keeps conditions under load, and is quicker than MiniStack. */
const quick: typeof servers = {
  MinIO: (port, folder) => ({
    argv: [programs.minio, "server", "--quiet", "--address", `127.0.0.1:${port}`, join(folder, "data")],
    env: {
      MINIO_ROOT_USER: credentials.AWS_ACCESS_KEY_ID,
      MINIO_ROOT_PASSWORD: credentials.AWS_SECRET_ACCESS_KEY,
      MINIO_BROWSER: "off",
      MINIO_UPDATE: "off",
    },
  }),
};

/** Milliseconds until a server must have answered. */
const patience = 60_000;

/** Starts one of `servers`, s3rver or MinIO on a free port; `more`: settings of it beside those. `within`: where it keeps its data. */
export async function startS3Server(
  name: string,
  more: Readonly<Record<string, string>> = {},
  within = tmpdir(),
): Promise<S3Server> {
  const folder = await mkdtemp(join(within, "kiln-s3-"));
  await mkdir(join(folder, "data"));
  await mkdir(join(folder, "sidecar"));
  const port = await freePort();
  const {
    argv,
    env,
    credentials: own = credentials,
  } = ({ ...servers, ...careless, ...quick }[name] as NonNullable<(typeof servers)[string]>)(port, folder);
  const [program, ...args] = argv;
  const printed: Buffer[] = [];
  const child = spawn(program, args, {
    env: { PATH: process.env["PATH"], HOME: folder, ...env, ...more },
    stdio: ["ignore", "pipe", "pipe"],
  });
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (piece: Buffer) => printed.push(piece));
  const ended = once(child, "exit");
  const failure = new Promise<never>((_, reject) => child.once("error", reject));
  const endpoint = `http://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  const deadline = Date.now() + patience;
  while (!(await Promise.race([answers(endpoint), failure]))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      await stop();
      throw new Error(`${name} didn't answer: ${Buffer.concat(printed).toString()}`);
    }
    await sleep(100);
  }
  let made = 0;
  return {
    endpoint,
    credentials: own,
    async makeBucket() {
      const bucket = `bucket-${++made}`;
      const client = new S3Client({
        endpoint,
        region: credentials.AWS_REGION,
        forcePathStyle: true,
        credentials: { accessKeyId: own.AWS_ACCESS_KEY_ID, secretAccessKey: own.AWS_SECRET_ACCESS_KEY },
      });
      await client.send(new CreateBucketCommand({ Bucket: bucket }));
      client.destroy();
      return `s3://${bucket}/stores/one?endpoint=${endpoint}`;
    },
    stop,
  };
}

export const keys = { accessKeyId: credentials.AWS_ACCESS_KEY_ID, secretAccessKey: credentials.AWS_SECRET_ACCESS_KEY };

async function answers(endpoint: string): Promise<boolean> {
  try {
    await (await fetch(endpoint, { signal: AbortSignal.timeout(5000) })).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
