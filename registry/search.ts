// What `npm search` asks: the packages whose name, description or keywords have every word, each with the version that `latest` leads to.
// Verdaccio's own answer says no version, and npm shows none then.

import type { Source } from "./source.ts";

const fewest = 20;
const most = 250;

interface Found {
  readonly name: string;
  readonly version: string;
  readonly description?: string | undefined;
  readonly keywords: readonly string[];
  readonly license?: unknown;
  /** When that version was released, as in RFC 3339. */
  readonly date?: string | undefined;
  readonly maintainers: readonly [];
  readonly publisher: { readonly username: string };
}

interface Packument {
  readonly "dist-tags"?: { readonly latest?: string };
  readonly time?: Readonly<Record<string, string>>;
  readonly versions?: Readonly<Record<string, VersionDocument>>;
}

interface VersionDocument {
  readonly description?: unknown;
  readonly keywords?: unknown;
  readonly license?: unknown;
}

/** `query`: that of the address. Throws what reading a packument throws. */
export async function searched(source: Pick<Source, "names" | "packument">, query: URLSearchParams): Promise<unknown> {
  const words = (query.get("text") ?? "").toLowerCase().split(/\s+/);
  const from = numberIn(query.get("from"), 0);
  const size = Math.min(numberIn(query.get("size"), fewest), most);
  const found: Found[] = [];
  for (const name of await source.names()) {
    const one = foundIn(name, await source.packument(name));
    if (one !== undefined && words.every((word) => hasWord(one, word))) found.push(one);
  }
  const objects = found.slice(from, from + size).map((one) => ({
    package: one,
    score: { final: 1, detail: { quality: 1, popularity: 1, maintenance: 1 } },
    searchScore: 1,
  }));
  return { objects, total: found.length, time: new Date().toUTCString() };
}

function foundIn(name: string, packument: Packument | undefined): Found | undefined {
  const version = packument?.["dist-tags"]?.latest;
  const latest = version === undefined ? undefined : packument?.versions?.[version];
  if (version === undefined || latest === undefined) return undefined;
  const { description, keywords, license } = latest;
  return {
    name,
    version,
    description: typeof description === "string" ? description : undefined,
    keywords: Array.isArray(keywords) ? keywords.filter((one) => typeof one === "string") : [],
    license,
    date: packument?.time?.[version],
    // Whoever publishes signs with the store's keys: nobody has an account.
    maintainers: [],
    publisher: { username: "" },
  };
}

function hasWord({ name, description = "", keywords }: Found, word: string): boolean {
  return [name, description, ...keywords].some((text) => text.toLowerCase().includes(word));
}

function numberIn(text: string | null, otherwise: number): number {
  return text !== null && /^[0-9]{1,4}$/.test(text) ? Number(text) : otherwise;
}
