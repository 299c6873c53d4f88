// The generations of a yum repository that gc leaves: their states, what lies in their folders, and what the plain address has of them:
// its indexes, and the packages below it that these name.

import { gunzipSync } from "node:zlib";

import type { Digest } from "../../artifact/digest.ts";
import { KilnError } from "../../errors.ts";
import { type Generations, keptStates, type KeptSource } from "../generations.ts";
import { indexes, indexOf, indexPath, parseYumState, yumHint, yumKeys, type YumState } from "./generation.ts";
import { locationsIn } from "./package.ts";
import { parseMirrorlist } from "./repomd.ts";

export const yumGenerations: Generations = {
  prefix: "rpm/",
  pattern:
    /^rpm\/[^/]+\/(?:state\/[0-9a-f]{64}\.json|(?:generations\/[0-9a-f]{64}\/)?repodata\/[0-9a-f]{64}-[a-z]+\.xml\.gz|generations\/[0-9a-f]{64}\/repodata\/repomd\.xml(?:\.asc)?|pool\/sha256\/.+)$/,
  async *kept(source) {
    for (const channel of source.channels) yield* keptOf(channel, source);
  },
};

async function* keptOf(channel: string, source: KeptSource): AsyncGenerator<string> {
  const at = yumKeys(channel);
  const found = await source.read(at.pointer);
  if (found === undefined) return;
  const chain = { newest: parseMirrorlist(found, at.pointer), key: at.state, parse: parseYumState };
  for await (const { digest, state } of keptStates(chain, source)) {
    yield at.state(digest);
    yield at.repomd("generation", digest);
    yield at.signature("generation", digest);
    for (const way of ["generation", "plain"] as const) {
      for (const name of indexes) yield at.index(way, digest, indexPath(name, indexOf(state, way, name)));
    }
    yield* packagesBelow({ channel, digest, state }, source);
  }
}

interface Generation {
  readonly channel: string;
  readonly digest: Digest;
  readonly state: YumState;
}

async function* packagesBelow({ channel, digest, state }: Generation, source: KeptSource): AsyncGenerator<string> {
  const index = indexOf(state, "plain", "primary");
  const key = yumKeys(channel).index("plain", digest, indexPath("primary", index));
  const bytes = await source.object(key, index.sha256);
  if (bytes === undefined) {
    throw new KilnError("STORE_CORRUPT", `${key}: got no such object, which a generation names`, { hint: yumHint });
  }
  // Piece by piece: the text of a large index needn't be in memory at once.
  let at = index.head;
  for (const { gz } of index.pieces) {
    for (const href of locationsIn(gunzipSync(bytes.subarray(at, at + gz)).toString("utf8"))) {
      yield `rpm/${channel}/${href}`;
    }
    at += gz;
  }
}
