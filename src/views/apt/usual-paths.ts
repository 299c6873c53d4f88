// Copies of what InRelease names, where clients without by-hash and mirrors look. They are written around InRelease, so such a
// client may see a mismatch between two requests, which a second try mends.

import pMap from "p-map";

import type { ViewSigner, ViewTarget } from "../view.ts";
import { readInRelease } from "./release.ts";
import type { SuiteKeys } from "./suite.ts";

export interface UsualPaths {
  readonly keys: SuiteKeys;
  readonly signer: ViewSigner;
  readonly target: ViewTarget;
}

/**
 * Copies what is other than in the Release `before`. Whoever was slower copies the newer InRelease's files once more. If we stop
 * here, the next publisher finds more leaves in InRelease than are settled, and copies all.
 */
export async function writeUsualPaths(options: UsualPaths & { readonly before: string }): Promise<void> {
  const { keys, target, before } = options;
  let isFirst = true;
  await following(options, async (text) => {
    const listed = [...text.matchAll(/^ ([0-9a-f]{64}) +\d+ (\S+\.(?:gz|xz|zst))$/gm)];
    const other = listed.filter(([line]) => !isFirst || !before.includes(`${line}\n`));
    isFirst = false;
    await pMap(other, ([, digest = "", path = ""]) => target.link(keys.path(path), keys.byHash(path, digest)), {
      concurrency: 4,
    });
  });
}

/** Release and its signature alone: after a new signature of the same indexes. */
export async function writeSignature(options: UsualPaths): Promise<void> {
  await following(options, async () => {});
}

/** Writes Release as InRelease has it, after `copy`, until InRelease stays as it is. */
async function following({ keys, signer, target }: UsualPaths, copy: (text: string) => Promise<void>): Promise<void> {
  let copied: Uint8Array | undefined;
  for (;;) {
    const current = await target.read(keys.inRelease);
    if (current === undefined || (copied !== undefined && Buffer.compare(current, copied) === 0)) return;
    const { text } = await readInRelease(current, keys.inRelease, signer);
    await copy(text);
    const release = Buffer.from(text);
    const signature = Buffer.from(await signer.signBytes(release));
    await Promise.all([target.copy(keys.release, release), target.copy(keys.signature, signature)]);
    copied = current;
  }
}
