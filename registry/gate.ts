// The way in: nothing is written through the registry. What is in the store went through a bake, was signed and logged, so
// `npm publish` and whatever else would change a package is refused before Verdaccio sees it, with the command that does it.

import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";

export interface Served {
  /** The public keys of the registry's signatures. */
  signingKeys(): Promise<unknown>;
  /** What a search finds; `query`: that of the address. */
  search(query: URLSearchParams): Promise<unknown>;
}

/** Lets what only reads pass on to `next`. */
export function readOnly(next: RequestListener, { signingKeys, search }: Served): RequestListener {
  return (request, response) => {
    const { pathname: path, searchParams } = new URL(request.url ?? "/", "http://registry");
    const refused = refusalOf(request.method ?? "GET", path);
    if (refused !== undefined) return refuse(request, response, refused);
    if (request.method === "POST") return refuse(request, response, hints.advisories, 404);
    if (path === "/-/npm/v1/keys") return answerWith(response, signingKeys(), "the registry's keys");
    if (path === "/-/v1/search") return answerWith(response, search(searchParams), "the packages");
    return next(request, response);
  };
}

/** Why a request isn't let in; `undefined`: it only reads. `path`: escaped, as it was sent. */
export function refusalOf(method: string, path: string): string | undefined {
  if (["GET", "HEAD", "OPTIONS"].includes(method)) return undefined;
  // Asks about vulnerabilities, with every install: that nobody here knows of any isn't an error of the install.
  if (method === "POST" && path.startsWith("/-/npm/v1/security/")) return undefined;
  if (path.startsWith("/-/user/") || path === "/-/v1/login" || path.startsWith("/-/verdaccio/sec/")) return hints.login;
  if (/^\/-\/package\/[^/]+(?:\/[^/]+)?\/dist-tags(?:\/|$)/.test(path)) return hints.tag;
  if (method === "DELETE" || path.includes("/-rev/")) return hints.unpublish;
  return path.startsWith("/-/") ? hints.other : hints.publish;
}

const hints = {
  publish:
    "nothing is published through this registry: it shows what Kiln baked, signed and logged. " +
    "Run `kiln publish` where the package's kiln.yaml is; to deprecate a version, `kiln yank NAME@VERSION --reason TEXT`.",
  unpublish:
    "what was published stays as it is. To mark a version as one that nobody shall use, " +
    "run `kiln yank NAME@VERSION --reason TEXT`.",
  tag: "dist-tags are channels. To move one, run `kiln promote NAME@VERSION CHANNEL`.",
  login: "nobody has an account here: everything can be read without one, and `kiln publish` publishes.",
  advisories: "this registry knows of no advisories: ask another one about vulnerabilities.",
  other: "this registry can only be read.",
};

/** Answers when all was sent: a client that is still sending may not read. */
function refuse(request: IncomingMessage, response: ServerResponse, error: string, status = 403): void {
  request.once("end", () => answer(response, status, { error }));
  request.resume();
}

function answerWith(response: ServerResponse, body: Promise<unknown>, what: string): void {
  body.then(
    (found) => answer(response, 200, found),
    () => answer(response, 500, { error: `${what} can't be read` }),
  );
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  response.end(text);
}

/** What the storage says, should a write get that far. */
export function refusedWrite(): Error & { readonly status: 403 } {
  return Object.assign(new Error(hints.publish), { status: 403 as const });
}
