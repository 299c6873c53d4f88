// The mounts of a recipe: in the plan by the digest that the lock file has for them, so that a plan reads no folder, and a
// recipe can show its steps nothing of a machine that whoever wrote it hasn't seen. The folders are looked at before a bake.

import { existsSync } from "node:fs";

import type { Digest } from "../artifact/digest.ts";
import { lockPathOf, parseLock } from "../bases/lock.ts";
import type { Context } from "../context.ts";
import { KilnError } from "../errors.ts";
import { inStep } from "../report.ts";
import { treeDigest } from "../system/tree-digest.ts";

export interface PinnedMount {
  /** As steps see it. */
  readonly at: string;
  /** On the machine. */
  readonly from: string;
  readonly sha256: Digest;
}

const hint = "kiln lock pins what is there now; look at it, and commit the lock file";

/** Throws MOUNT_CHANGED for what the lock file doesn't have. */
export async function pinnedMounts(
  mounts: Readonly<Record<string, string>>,
  { recipe, read }: { readonly recipe: string; readonly read: (path: string) => Promise<Uint8Array | undefined> },
): Promise<PinnedMount[]> {
  const wanted = Object.entries(mounts).toSorted(([one], [other]) => (one < other ? -1 : 1));
  if (wanted.length === 0) return [];
  const path = lockPathOf(recipe);
  const bytes = await read(path);
  const pinned = bytes === undefined ? {} : (parseLock(bytes, path).mounts ?? {});
  return wanted.map(([at, from]) => {
    const sha256 = Object.hasOwn(pinned, at) ? pinned[at] : undefined;
    if (sha256 !== undefined) return { at, from, sha256 };
    throw new KilnError("MOUNT_CHANGED", `${path}: got no digest of what is mounted at ${at}, want one`, { hint });
  });
}

/** Throws MOUNT_CHANGED. The digest that was got isn't told: it would let who can't read the folder mount it. */
export async function checkMounts(
  mounts: readonly PinnedMount[],
  { report, signal }: Pick<Context, "report" | "signal">,
): Promise<void> {
  if (mounts.length === 0) return;
  await inStep(report, "look at what is mounted", async () => {
    for (const { at, from, sha256 } of mounts) {
      if (!existsSync(from)) {
        throw new KilnError("MOUNT_CHANGED", `${from}: got nothing there, want what is mounted at ${at}`, {
          hint: "put it there, or name another path under `mounts` in the recipe",
        });
      }
      if ((await treeDigest(from, signal)) === sha256) continue;
      throw new KilnError("MOUNT_CHANGED", `${from}: got other content than the lock file's, want that at ${at}`, {
        hint,
      });
    }
  });
}
