// Whether a release was taken back, as the log says it: what the catalog names is only where to look.

import type { Leaf } from "../artifact/leaf.ts";
import type { Withdrawal } from "./catalog.ts";

export interface WithdrawalSource {
  /** The leaf at `index`, proven to be in the tree and signed by a key that may; `undefined`: there is no such leaf. */
  leaf(index: number): Promise<Leaf | undefined>;
  /** Where the release's newest yank (or its taking back) and its retirement are logged. */
  withdrawal(name: string, version: string): Promise<WithdrawalIndexes>;
}

/** Leaf indexes; `undefined`: never. */
export interface WithdrawalIndexes {
  readonly yank: number | undefined;
  readonly retire: number | undefined;
}

export async function readWithdrawal(
  { name, version, manifest }: { readonly name: string; readonly version: string; readonly manifest: string },
  source: WithdrawalSource,
): Promise<Withdrawal> {
  const { yank, retire } = await source.withdrawal(name, version);
  const read = async (at: number | undefined) => (at === undefined ? undefined : await source.leaf(at));
  const [yanking, retiring] = await Promise.all([read(yank), read(retire)]);
  const isOwn = (leaf: Leaf | undefined): boolean => leaf?.name === name && leaf.manifest === manifest;
  return {
    yanked: yanking?.type === "yank" && isOwn(yanking) ? yanking.reason : null,
    retired: retiring?.type === "retire" && isOwn(retiring) ? retiring.reason : null,
  };
}
