// An entry with its proof, in the form that documents carry.

import type { ProvenEntry } from "./documents.ts";
import type { ViewSource } from "./view.ts";

export async function provenEntry(index: number, source: ViewSource): Promise<ProvenEntry> {
  const [entry, proof] = await Promise.all([source.entry(index), source.prove(index)]);
  return {
    index,
    entry: Buffer.from(entry).toString("base64"),
    proof: proof.map((hash) => Buffer.from(hash).toString("base64")),
  };
}
