// Tar headers, POSIX.1-2001 (ustar, and pax where ustar is too narrow), in one form that depends on the entry alone:
// owner 0/0 without names, mode 0644 or 0755, one time for all.

import type { Entry } from "./archive-entries.ts";

export const blockSize = 512;
const largestOctal = 0o77777777777;

/** Makes the header blocks of entries: one block, or three and more where a pax header is needed. */
export interface HeaderWriter {
  /** The bytes hold until the next call. */
  headerOf(entry: Entry): Buffer;
}

/** `time`: of every entry, in seconds since 1970. */
export function headerWriter(time: number): HeaderWriter {
  const block = blockWriter(time);
  return {
    headerOf(entry) {
      const name = entry.type === "folder" ? `${entry.path}/` : entry.path;
      const size = entry.type === "file" ? entry.size : 0;
      const target = entry.type === "link" ? entry.target : "";
      const split = splitName(name);
      const narrow = {
        ...(split ?? { name: cut(name, 100), prefix: "" }),
        mode: modeOf(entry),
        size: Math.min(size, largestOctal),
        flag: flags[entry.type],
        target: cut(target, 100),
      };
      const isWide = split === undefined || size > largestOctal || target.length > narrow.target.length;
      if (!isWide) return block(narrow);
      const wide: [string, string][] = [];
      if (split === undefined) wide.push(["path", name]);
      if (target !== narrow.target) wide.push(["linkpath", target]);
      if (size > largestOctal) wide.push(["size", String(size)]);
      const body = Buffer.concat(wide.map(([key, value]) => paxRecord(key, value)));
      const pax = { name: "pax", prefix: "", mode: 0o644, size: body.length, flag: "x", target: "" };
      return Buffer.concat([Buffer.from(block(pax)), body, Buffer.alloc(paddingOf(body.length)), block(narrow)]);
    },
  };
}

const flags = { file: "0", folder: "5", link: "2" } as const;

/** Zeros that fill up `size` bytes to whole blocks: how many. */
export function paddingOf(size: number): number {
  return (blockSize - (size % blockSize)) % blockSize;
}

function modeOf(entry: Entry): number {
  if (entry.type === "link") return 0o777;
  return entry.type === "folder" || entry.executable ? 0o755 : 0o644;
}

/** The name as ustar's name and prefix, or undefined when it doesn't fit. */
function splitName(name: string): { name: string; prefix: string } | undefined {
  if (name.length <= 100 && Buffer.byteLength(name) <= 100) return { name, prefix: "" };
  const bytes = Buffer.from(name);
  if (bytes.length > 256) return undefined;
  // The first slash that leaves at most 100 bytes behind it; a folder's own final slash doesn't count.
  const at = bytes.indexOf("/", Math.max(0, bytes.length - 101));
  if (at <= 0 || at > 155 || at === bytes.length - 1) return undefined;
  return { name: bytes.subarray(at + 1).toString(), prefix: bytes.subarray(0, at).toString() };
}

/** At most `most` bytes of `text`, whole characters: what a reader without pax sees. */
function cut(text: string, most: number): string {
  if (Buffer.byteLength(text) <= most) return text;
  return Buffer.from(text)
    .subarray(0, most)
    .toString("utf8")
    .replace(/\uFFFD+$/, "");
}

/** `LENGTH key=value\n`, where the length counts its own digits. */
function paxRecord(key: string, value: string): Buffer {
  const rest = Buffer.from(` ${key}=${value}\n`);
  let length = rest.length;
  while (length !== rest.length + String(length).length) length = rest.length + String(length).length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

interface Fields {
  readonly name: string;
  readonly prefix: string;
  readonly mode: number;
  readonly size: number;
  readonly flag: string;
  readonly target: string;
}

/** One block that is written over and over: a hundred thousand small files would be as many small allocations. */
function blockWriter(time: number): (fields: Fields) => Buffer {
  const bytes = Buffer.from(new ArrayBuffer(blockSize));
  const words = new Uint32Array(bytes.buffer);
  octal(bytes, 0, 108, 7);
  octal(bytes, 0, 116, 7);
  octal(bytes, time, 136, 11);
  bytes.write("ustar\u000000", 257, "latin1");
  octal(bytes, 0, 329, 7);
  octal(bytes, 0, 337, 7);
  return (fields) => {
    text(bytes, fields.name, 0, 100);
    octal(bytes, fields.mode, 100, 7);
    octal(bytes, fields.size, 124, 11);
    bytes.write("        ", 148, "latin1");
    bytes.write(fields.flag, 156, "latin1");
    text(bytes, fields.target, 157, 100);
    text(bytes, fields.prefix, 345, 155);
    octal(bytes, sumOf(words), 148, 6);
    bytes[154] = 0;
    return bytes;
  };
}

function sumOf(words: Uint32Array): number {
  let sum = 0;
  for (const word of words) {
    if (word !== 0) sum += (word & 0xff) + ((word >>> 8) & 0xff) + ((word >>> 16) & 0xff) + (word >>> 24);
  }
  return sum;
}

function text(bytes: Buffer, value: string, at: number, width: number): void {
  bytes.fill(0, at + bytes.write(value, at, width), at + width);
}

function octal(bytes: Buffer, value: number, at: number, digits: number): void {
  bytes.write(value.toString(8).padStart(digits, "0"), at, "latin1");
}
