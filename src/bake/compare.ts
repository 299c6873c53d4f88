// Compares two bakes of the same inputs byte for byte, and says in words where they part: which artifact, which file in it,
// which byte of that file.

import { createHash, type Hash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { join } from "node:path";

import { blobsOf, type Manifest } from "../artifact/manifest.ts";
import type { Context } from "../context.ts";
import { KilnError } from "../errors.ts";
import { kindOf } from "../kinds/index.ts";
import type { Member } from "../system/members.ts";
import { otherConditions, usualConditions } from "./conditions.ts";

export interface Baked {
  readonly folder: string;
  readonly manifest: Manifest;
}

/**
 * Returns what was compared: files and bytes. Throws NOT_REPRODUCIBLE, which names the first difference. `kept`: where a
 * person finds both bakes then.
 */
export async function compareBakes(
  [first, second]: readonly [Baked, Baked],
  kept: string,
  context: Surroundings,
): Promise<{ files: number; bytes: number }> {
  const differs = (message: string, file?: string): KilnError => notReproducible(message, { kept, file });
  const others = new Map(second.manifest.artifacts.map((artifact) => [artifact.name, artifact]));
  for (const artifact of first.manifest.artifacts) {
    const other = others.get(artifact.name);
    if (other === undefined || artifact.file !== other.file) {
      throw differs(`${artifact.name}: got ${artifact.file} and then ${other?.file ?? "nothing"}`);
    }
    if (artifact.sha256 === other.sha256) continue;
    const pair = [join(first.folder, artifact.file), join(second.folder, other.file)] as const;
    const difference = await differenceOf(artifact.kind, pair, context);
    throw differs(`${artifact.name} (${artifact.file}): ${difference}`, artifact.file);
  }
  for (const [check, outcome] of Object.entries(first.manifest.checks ?? {})) {
    const other = second.manifest.checks?.[check];
    if (outcome !== other) throw differs(`check ${check}: it ${outcome} and then ${other ?? "wasn't run"}`);
  }
  for (const [index, blob] of blobsOf(first.manifest).entries()) {
    const other = blobsOf(second.manifest)[index];
    if (blob.sha256 === other?.sha256) continue;
    if (blob.file !== other?.file) throw differs(`got ${blob.file} and then ${other?.file ?? "nothing"}`);
    const at = firstDifference(join(first.folder, blob.file), join(second.folder, other.file));
    throw differs(`${blob.file}: the bytes differ from byte ${at} on`);
  }
  const blobs = blobsOf(first.manifest);
  return { files: blobs.length, bytes: blobs.reduce((sum, { size }) => sum + size, 0) };
}

/** `file`: the artifact that differs, if it is one. */
function notReproducible(
  message: string,
  { kept, file }: { readonly kept: string; readonly file: string | undefined },
): KilnError {
  return new KilnError("NOT_REPRODUCIBLE", `${message}, want the same bytes`, {
    hint: `the second bake had another path, umask, time zone and clock: let the build leave such things out; both are in ${kept}`,
    details: { kept, ...(file === undefined ? {} : { file }) },
  });
}

type Pair = readonly [string, string];
type Listing = ReadonlyMap<string, Member & { readonly sha256: string }>;
type Surroundings = Pick<Context, "env" | "signal">;

/** Where two packed files of a kind part, in words. */
export async function differenceOf(kind: string, pair: Pair, context: Surroundings): Promise<string> {
  const [one, two] = [await list(kind, pair[0], context), await list(kind, pair[1], context)];
  const paths = [...new Set([...one.keys(), ...two.keys()])];
  for (const path of paths.toSorted((a, b) => Number(isAboutOthers(a)) - Number(isAboutOthers(b)))) {
    const [member, other] = [one.get(path), two.get(path)];
    if (member === undefined) return `${path} is in the second alone`;
    if (other === undefined) return `${path} is in the first alone`;
    if (member.sha256 !== other.sha256) {
      const contents = [
        await extract(kind, pair[0], { path, context }),
        await extract(kind, pair[1], { path, context }),
      ] as const;
      return `${path} differs ${difference(...contents)}`;
    }
    for (const fact of Object.keys({ ...member.facts, ...other.facts })) {
      const [before, after] = [member.facts[fact] ?? "none", other.facts[fact] ?? "none"];
      if (before !== after) return `${path} has ${fact} ${before} and then ${after}`;
    }
  }
  return `the files inside are the same, but packed differently from byte ${firstDifference(...pair)} on`;
}

/** Digests and sizes of other members: they differ because those do, so they are looked at last. */
function isAboutOthers(path: string): boolean {
  return /^(?:DEBIAN|HEADER)\/|\.dist-info\/RECORD$/.test(path);
}

async function list(kind: string, path: string, context: Surroundings): Promise<Listing> {
  const hashes: [Member, Hash][] = [];
  await kindOf(kind).readMembers(path, {
    ...context,
    onMember: (member) => {
      const hash = createHash("sha256");
      hashes.push([member, hash]);
      return (piece) => void hash.update(piece);
    },
  });
  return new Map(hashes.map(([member, hash]) => [member.path, { ...member, sha256: hash.digest("hex") }]));
}

interface Wanted {
  readonly path: string;
  readonly context: Surroundings;
}

async function extract(kind: string, file: string, { path, context }: Wanted): Promise<Buffer> {
  const pieces: Buffer[] = [];
  await kindOf(kind).readMembers(file, {
    ...context,
    onMember: (member) => (piece) => member.path === path && pieces.push(Buffer.from(piece)),
  });
  return Buffer.concat(pieces);
}

function difference(one: Buffer, two: Buffer): string {
  let at = 0;
  while (at < Math.min(one.length, two.length) && one[at] === two[at]) at += 1;
  const why = [one, two].some(holdsItsPath)
    ? " (it holds the path that it was built at)"
    : [one, two].every((bytes) => holdsTime(bytes, at))
      ? " (it looks like the time of the build: take SOURCE_DATE_EPOCH, or leave it out)"
      : "";
  if (at === one.length || at === two.length) {
    return `in length: ${one.length} bytes and then ${two.length}, the same up to byte ${at}${why}`;
  }
  // In a program, lines and characters say nothing.
  if (one.includes(0)) return `from byte ${at} on${why}`;
  const line = one.subarray(0, at).toString("latin1").split("\n").length;
  return `from byte ${at} (line ${line}) on: ${excerpt(one, at)} and then ${excerpt(two, at)}${why}`;
}

function holdsItsPath(bytes: Buffer): boolean {
  return [usualConditions(0), otherConditions(0)].some(({ folder }) => bytes.includes(`${folder}/source`));
}

/** Whether what is around `at` reads like a date, a time of day, or seconds since 1970. */
function holdsTime(bytes: Buffer, at: number): boolean {
  const around = bytes.subarray(Math.max(0, at - 20), at + 20).toString("latin1");
  return /(?:19|20)\d{2}[-/.]?\d{2}[-/.]?\d{2}|\b\d{1,2}:\d{2}|\b[12]\d{9}\b|\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\b/.test(
    around,
  );
}

/** A few characters around `at`, so that a person recognises a time or a path. */
function excerpt(bytes: Buffer, at: number): string {
  const piece = bytes.subarray(Math.max(0, at - 12), at + 24).toString("latin1");
  return JSON.stringify(piece.replace(/[^ -~]+/g, "·"));
}

function firstDifference(one: string, two: string): number {
  const files = [openSync(one, "r"), openSync(two, "r")] as const;
  const pieces = [Buffer.alloc(65536), Buffer.alloc(65536)] as const;
  try {
    for (let start = 0; ; start += pieces[0].length) {
      const counts = [readSync(files[0], pieces[0], 0, 65536, start), readSync(files[1], pieces[1], 0, 65536, start)];
      const most = Math.min(counts[0] ?? 0, counts[1] ?? 0);
      for (let at = 0; at < most; at += 1) if (pieces[0][at] !== pieces[1][at]) return start + at;
      if (most < pieces[0].length) return start + most;
    }
  } finally {
    for (const file of files) closeSync(file);
  }
}
