// An .rpm that was made here, read back: its header, for the record that indexes need and to compare it with what the recipe
// said; and its payload, member by member. Spec: rpm's docs/manual/tags; cpio's "new ASCII" format, and rpm's own variant.

import { closeSync, createReadStream, openSync, readSync } from "node:fs";
import { createZstdDecompress } from "node:zlib";

import { headerSize, introSize, parseHeader, type RpmHeader, dataOf } from "../../artifact/rpm-header.ts";
import { headerStart } from "../../artifact/rpm.ts";
import { KilnError } from "../../errors.ts";
import type { OnMember } from "../../system/members.ts";
import type { ReadMembers } from "../kind.ts";
import { tags } from "./tags.ts";

export interface RpmFile {
  readonly signature: RpmHeader;
  readonly header: RpmHeader;
  /** Bytes of the file. */
  readonly range: { readonly start: number; readonly end: number };
}

const leadSize = 96;

/** Throws PACKAGE_INVALID. */
export function readRpm(path: string): RpmFile {
  const file = openSync(path, "r");
  try {
    const read = (at: number, length: number): Buffer => {
      const bytes = Buffer.alloc(length);
      return bytes.subarray(0, readSync(file, bytes, 0, length, at));
    };
    const front = read(0, leadSize + introSize);
    const start = headerStart(front, path) ?? 0;
    const end = start + headerSize(read(start, introSize), path);
    const signatureSize = headerSize(front.subarray(leadSize), path);
    return {
      signature: parseHeader(read(leadSize, signatureSize), path),
      header: parseHeader(read(start, end - start), path),
      range: { start, end },
    };
  } finally {
    closeSync(file);
  }
}

/** The paths of its files, in its own order. */
export function pathsOf(header: RpmHeader): string[] {
  const folders = header.texts(tags.dirNames);
  const places = header.numbers(tags.dirIndexes);
  return header.texts(tags.baseNames).map((name, at) => `${folders[places[at] ?? 0] ?? ""}${name}`);
}

/** Every tag of the header, then every file. */
export async function readRpmMembers(path: string, { onMember, signal }: ReadMembers): Promise<void> {
  const { header, range } = readRpm(path);
  for (const entry of header.entries) {
    onMember({ path: `HEADER/${nameOf(entry.tag)}`, facts: {} })(dataOf(entry, path));
  }
  const reader = payloadReader(header, onMember, path);
  const pieces = createReadStream(path, { start: range.end, signal }).pipe(createZstdDecompress());
  for await (const piece of pieces) reader.write(piece as Buffer);
}

function nameOf(tag: number): string {
  return Object.entries(tags).find(([, number]) => number === tag)?.[0] ?? `tag ${tag}`;
}

/** `reader.write` takes the cpio archive, piece by piece. */
function payloadReader(header: RpmHeader, onMember: OnMember, path: string) {
  const paths = pathsOf(header);
  const sizes = [...header.numbers(tags.longFileSizes), ...header.numbers(tags.fileSizes)];
  const modes = header.numbers(tags.fileModes);
  let held = Buffer.alloc(0);
  let left = 0;
  let padding = 0;
  let take: (piece: Buffer) => void = () => undefined;
  let isOver = false;
  const begin = (name: string, facts: { mode: number; modified?: number; size: number }): void => {
    const { mode, modified, size } = facts;
    take = onMember({
      path: name.replace(/^\.?\//, ""),
      facts: {
        mode: mode.toString(8).padStart(6, "0"),
        ...(modified === undefined ? {} : { modified: String(modified) }),
      },
    });
    left = size;
    padding = -size & 3;
  };
  /** How many bytes the head of the next member has, or undefined while they aren't all here. */
  const readHead = (): number | undefined => {
    const magic = held.toString("latin1", 0, 6);
    if (magic === "07070X") {
      if (held.length < 16) return undefined;
      const at = Number.parseInt(held.toString("latin1", 6, 14), 16);
      begin(paths[at] ?? "", { mode: modes[at] ?? 0, size: sizes[at] ?? 0 });
      return 16;
    }
    if (held.length < 110) return undefined;
    if (magic !== "070701" && magic !== "070702")
      throw new KilnError("PACKAGE_INVALID", `${path}: got no cpio archive`);
    const field = (place: number) => Number.parseInt(held.toString("latin1", 6 + 8 * place, 14 + 8 * place), 16);
    const length = 110 + field(11);
    const padded = length + (-length & 3);
    if (held.length < padded) return undefined;
    const name = held.toString("utf8", 110, length - 1);
    if (name === "TRAILER!!!") isOver = true;
    else begin(name, { mode: field(1), modified: field(5), size: field(6) });
    return padded;
  };
  return {
    write(piece: Buffer): void {
      held = Buffer.concat([held, piece]);
      while (!isOver && held.length > 0) {
        if (left > 0 || padding > 0) {
          const data = held.subarray(0, left);
          if (data.length > 0) take(data);
          left -= data.length;
          const skipped = left > 0 ? 0 : Math.min(padding, held.length - data.length);
          padding -= skipped;
          held = held.subarray(data.length + skipped);
          continue;
        }
        const head = held.length < 6 ? undefined : readHead();
        if (head === undefined) return;
        held = held.subarray(head);
      }
    },
  };
}
