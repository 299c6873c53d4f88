// A small static web server over a folder, on loopback, with what such servers do right (ranges, etags) and, when asked,
// what some do wrong.

import { open } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";

export interface WebServer {
  readonly url: string;
  /** `METHOD path` and the range asked for, in order. */
  readonly requests: string[];
  readonly close: () => Promise<void>;
}

export type Handler = (request: IncomingMessage, response: ServerResponse, path: string) => void | Promise<void>;

/** Serves `folder`; or whatever `handler` answers. */
export async function serve(handler: Handler): Promise<WebServer> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? "/", "http://x").pathname);
    requests.push(`${request.method} ${request.url} ${request.headers.range ?? ""}`.trim());
    void (async () => handler(request, response, path))().catch((error: unknown) => response.destroy(error as Error));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/store`, requests, close: () => closeServer(server) };
}

/** A well-behaved static server of `folder` under /store/. */
export function files(folder: string): Handler {
  return async (request, response, path) => {
    const file = join(folder, path.replace(/^\/store\//, ""));
    // Opened once: what is swapped meanwhile is answered as it was, with its own length.
    const opened = await open(file).catch(() => undefined);
    const stats = await opened?.stat();
    if (opened === undefined || !stats?.isFile()) {
      await opened?.close();
      response.writeHead(404).end("no such file");
      return;
    }
    const headers = {
      etag: `"${stats.ino}-${stats.size}-${stats.mtimeMs}"`,
      "last-modified": stats.mtime.toUTCString(),
      "accept-ranges": "bytes",
    };
    const match = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
    const condition = request.headers["if-range"];
    if (match === null || (condition !== undefined && condition !== headers.etag)) {
      response.writeHead(200, { ...headers, "content-length": stats.size });
      if (request.method === "HEAD") {
        await opened.close();
        response.end();
        return;
      }
      await pipeline(opened.createReadStream(), response);
      return;
    }
    const start = Number(match[1]);
    const end = Math.min(match[2] ? Number(match[2]) : Number.POSITIVE_INFINITY, stats.size - 1);
    if (start >= stats.size) {
      await opened.close();
      response.writeHead(416, { ...headers, "content-range": `bytes */${stats.size}` }).end();
      return;
    }
    response.writeHead(206, {
      ...headers,
      "content-range": `bytes ${start}-${end}/${stats.size}`,
      "content-length": end - start + 1,
    });
    await pipeline(opened.createReadStream({ start, end }), response);
  };
}

async function closeServer(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}
