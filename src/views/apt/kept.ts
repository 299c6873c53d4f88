// The generations of a suite that gc leaves: their states, the tables and the indexes that those name.

import { type Generations, keptStates, type KeptSource } from "../generations.ts";
import { readInRelease } from "./release.ts";
import { parseSuiteState, placeOf, suiteKeys } from "./suite.ts";

export const aptGenerations: Generations = {
  prefix: "dists/",
  pattern: /^dists\/[^/]+\/(?:[^/]+\/[^/]+\/by-hash\/SHA256\/[0-9a-f]{64}|state\/[0-9a-f]{64}\.json)$/,
  async *kept(source) {
    for (const channel of source.channels) yield* keptOf(channel, source);
  },
};

async function* keptOf(channel: string, source: KeptSource): AsyncGenerator<string> {
  const at = suiteKeys(channel);
  const found = await source.read(at.inRelease);
  if (found === undefined) return;
  const { state: newest } = await readInRelease(found, at.inRelease, source);
  const parse = parseSuiteState;
  for await (const { digest, state } of keptStates({ newest, key: at.state, parse }, source)) {
    yield at.state(digest);
    for (const shard of state.names ?? []) yield at.state(shard.digest);
    for (const [name, { files }] of Object.entries(state.indexes)) {
      const { path } = placeOf(name);
      for (const file of Object.values(files)) yield at.byHash(path, file);
    }
  }
}
