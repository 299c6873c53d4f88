// Copies of what InRelease names, where clients without by-hash and mirrors look. They are written around InRelease, so such a
// client may see a mismatch between two requests, which a second try mends.

import pMap from "p-map";

import type { Recheck, ViewSigner, ViewTarget } from "../view.ts";
import { readInRelease } from "./release.ts";
import type { SuiteKeys } from "./suite.ts";

export interface UsualPaths {
  readonly keys: SuiteKeys;
  readonly signer: ViewSigner;
  readonly target: ViewTarget;
  /** InRelease as it was found, or written, just now. */
  readonly current: Uint8Array;
  /** The signature of its text, where it was made already. */
  readonly signature?: Uint8Array | undefined;
}

/** The Release before, and its signature. */
export interface ReleaseBefore {
  readonly text: string;
  readonly signature: Uint8Array;
}

/** What Release.gpg is: the same text of the same date has the same signature, so what stands there is known without asking for it. */
export async function releaseSignature(signer: ViewSigner, text: string, date: number): Promise<Uint8Array> {
  return Buffer.from(await signer.signBytes(Buffer.from(text), date));
}

/**
 * Copies what is other than in the Release `before`. Whoever was slower copies the newer InRelease's files once more: at once where what
 * stood there wasn't what `before` had, else when the catalog's swap, which comes last, says that there were two. If we stop
 * here, the next publisher finds more leaves in InRelease than are settled, and copies all.
 */
export async function writeUsualPaths(
  options: UsualPaths & { readonly before: ReleaseBefore | undefined },
): Promise<Recheck | undefined> {
  const { keys, target, before } = options;
  let isFirst = true;
  return following(options, async (text) => {
    const listed = [...text.matchAll(/^ ([0-9a-f]{64}) +\d+ (\S+\.(?:gz|xz|zst))$/gm)];
    const other = listed.filter(([line]) => !isFirst || before?.text.includes(`${line}\n`) !== true);
    isFirst = false;
    await pMap(other, ([, digest = "", path = ""]) => target.link(keys.path(path), keys.byHash(path, digest)), {
      concurrency: 8,
    });
  });
}

/** Release and its signature alone: after a new signature of the same indexes. */
export async function writeSignature(options: UsualPaths): Promise<void> {
  const recheck = await following(options, async () => {});
  await recheck?.();
}

/** Writes Release as InRelease has it, with `copy`, until InRelease stays as it is. Nothing is made in between: all is ready. */
async function following(
  { keys, signer, target, before, ...made }: UsualPaths & { readonly before?: ReleaseBefore | undefined },
  copy: (text: string) => Promise<void>,
): Promise<Recheck | undefined> {
  const write = async (shown: Uint8Array, known?: Uint8Array): Promise<"as guessed" | "other"> => {
    const { text, date } = await readInRelease(shown, keys.inRelease, signer);
    const signature = known ?? (await releaseSignature(signer, text, date));
    const old = before === undefined ? undefined : Buffer.from(before.text);
    const [, ...were] = await Promise.all([
      copy(text),
      target.copy(keys.release, Buffer.from(text), old),
      target.copy(keys.signature, signature, before?.signature),
    ]);
    return were.includes("other") ? "other" : "as guessed";
  };
  const recheck = async (): Promise<void> => {
    let copied = made.current;
    for (;;) {
      const shown = await target.read(keys.inRelease);
      if (shown === undefined || Buffer.compare(shown, copied) === 0) return;
      await write(shown);
      copied = shown;
    }
  };
  if ((await write(made.current, made.signature)) === "as guessed") return recheck;
  await recheck();
  return undefined;
}
