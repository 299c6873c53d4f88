// Publishing a bake: adopt what is there, else upload, then one append with the release, its alias and its channel move.
// Done twice, or by two jobs at once, it is a success that changes nothing the second time.

import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { type Digest, digestOf } from "../artifact/digest.ts";
import { type Manifest, manifestFile, parseManifest } from "../artifact/manifest.ts";
import { isSystemError, KilnError } from "../errors.ts";
import { settle } from "../log/append.ts";
import { inStep } from "../report.ts";
import { requireSigners } from "../sign/signers.ts";
import { adopted, aliasLeaf, channelLeaf, type ChannelWish, present, type Released } from "./decide.ts";
import { type Addition, commit, logOf, type Publisher, seconds } from "./publisher.ts";
import { type PublishedState, stateAt } from "./state.ts";
import { upload, type Uploaded } from "./upload.ts";

export interface PublishOptions {
  /** A bake's folder: release.json and the files that it names. */
  readonly folder: string;
  readonly channel?: ChannelWish | undefined;
  /** Another version string for the release: the tag on its commit. */
  readonly alias?: string | undefined;
}

export interface Published {
  readonly release: Released;
  /** False when the release was in the log before. */
  readonly added: boolean;
  /** The channel that was moved; null: none was. */
  readonly moved: string | null;
  readonly treeSize: number;
}

/** Throws IMMUTABLE_CONFLICT, BAKE_CHANGED, KEY_NOT_ALLOWED, and what the store and the log throw. */
export async function publishRelease(publisher: Publisher, options: PublishOptions): Promise<Published> {
  const { store, trust, signers, context } = publisher;
  requireSigners(signers, "log", "release", "openpgp");
  const { manifest, identity } = await readBake(options.folder);
  const before = await stateAt({ store, trust, head: await settle({ store, log: logOf(trust) }) });
  const there = await adopted(before.catalog, claimOf(manifest, identity));
  const uploaded =
    there !== undefined
      ? undefined
      : await inStep(
          context.report,
          `sign and upload ${manifest.artifacts.length} artifacts`,
          (step) => upload({ store, signers, folder: options.folder, manifest, context, step }),
          () => `manifest ${identity.slice(0, 12)}`,
        );
  const { outcome, head } = await inStep(
    context.report,
    "commit to the log",
    () => commit(publisher, (state) => additionFor({ state, manifest, identity, uploaded, options, publisher })),
    ({ from, head }) => (from === undefined ? "nothing to add" : `leaves ${from} to ${head.checkpoint.size - 1}`),
  );
  return { ...outcome, treeSize: head.checkpoint.size };
}

/** What lies in a bake's folder. Throws NOT_FOUND, BAKE_CHANGED. */
export async function readBake(folder: string): Promise<{ manifest: Manifest; identity: Digest }> {
  const path = join(folder, manifestFile);
  try {
    const bytes = await readFile(path);
    return { manifest: parseManifest(bytes, path), identity: digestOf(bytes) };
  } catch (cause) {
    if (!isSystemError(cause, "ENOENT", "ENOTDIR")) throw cause;
    throw new KilnError("NOT_FOUND", `${folder}: got no ${manifestFile}, want the folder of a bake`, {
      hint: "run `kiln bake` first, or leave the folder out",
      cause,
    });
  }
}

async function additionFor(options: {
  readonly state: PublishedState;
  readonly manifest: Manifest;
  readonly identity: Digest;
  readonly uploaded: Uploaded | undefined;
  readonly options: PublishOptions;
  readonly publisher: Publisher;
}): Promise<Addition<Omit<Published, "treeSize">>> {
  const { state, manifest, identity, uploaded, publisher } = options;
  const { channel, alias } = options.options;
  const { catalog } = state;
  const time = seconds(publisher.context.now());
  const { name, version, claims } = claimOf(manifest, identity);
  const there = await adopted(catalog, claimOf(manifest, identity));
  if (there === undefined && uploaded === undefined) {
    throw new KilnError("STORE_CORRUPT", `${name}@${version}: it was in the log and is there no more`);
  }
  const entries = there === undefined ? (uploaded as Uploaded).entries : [];
  const leaf = state.head.checkpoint.size + entries.length;
  const release = there ?? { name, version, manifest: identity, commit: claims?.commit ?? null, leaf };
  const wanted = { catalog, release, time };
  const moves = channel === undefined ? undefined : await channelLeaf({ ...wanted, wish: channel });
  const leaves = [
    ...(uploaded === undefined || there !== undefined
      ? []
      : [
          {
            type: "release" as const,
            kiln: 1 as const,
            name,
            version,
            manifest: identity,
            signatures: uploaded.signatures,
            entries: entries.length,
            claims,
            bakeKey: manifest.bakeKey,
            time,
          },
        ]),
    ...present(alias === undefined ? undefined : await aliasLeaf({ ...wanted, alias })),
    ...present(moves),
  ];
  return { entries, leaves, outcome: { release, added: there === undefined, moved: moves?.channel ?? null } };
}

function claimOf({ name, version, source }: Manifest, manifest: Digest) {
  const claims = source.commit === null ? null : { commit: source.commit, recipe: source.recipe };
  return { name, version, manifest, claims };
}
