// A refusal by a gate, in one line.

import type { RefusalLeaf } from "../artifact/leaf.ts";

type Refused = Pick<RefusalLeaf, "name" | "version" | "channel" | "gate" | "got" | "wanted">;

/** `billing@1.4.7 for :staging by the gate coverage: got …, want …` */
export function refusalText({ name, version, channel, gate, got, wanted }: Refused): string {
  const aim = channel === null ? "" : ` for :${channel}`;
  return `${name}@${version}${aim} by the gate ${gate}: got ${got}, want ${wanted}`;
}
