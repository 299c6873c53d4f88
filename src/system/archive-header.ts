// Tar headers, POSIX.1-2001 (ustar, and pax where ustar is too narrow), in one form that depends on the entry alone:
// owner 0/0 without names, mode 0644 or 0755, one time for all.

import type { Entry } from "./archive-entries.ts";

export const blockSize = 512;
const largestOctal = 0o77777777777;

/** The header blocks of `entry`: one, or three and more when it needs a pax header. `time`: seconds since 1970. */
export function headerOf(entry: Entry, time: number): Buffer {
  const name = entry.type === "folder" ? `${entry.path}/` : entry.path;
  const size = entry.type === "file" ? entry.size : 0;
  const target = entry.type === "link" ? entry.target : "";
  const split = splitName(name);
  const wide: [string, string][] = [];
  if (split === undefined) wide.push(["path", name]);
  if (Buffer.byteLength(target) > 100) wide.push(["linkpath", target]);
  if (size > largestOctal) wide.push(["size", String(size)]);
  const narrow = block({
    ...(split ?? { name: cut(name, 100), prefix: "" }),
    mode: modeOf(entry),
    size: Math.min(size, largestOctal),
    time,
    flag: { file: "0", folder: "5", link: "2" }[entry.type],
    target: cut(target, 100),
  });
  return wide.length === 0 ? narrow : Buffer.concat([paxHeader(wide, time), narrow]);
}

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

function paxHeader(records: readonly [string, string][], time: number): Buffer {
  const body = Buffer.concat(records.map(([key, value]) => paxRecord(key, value)));
  const head = block({ name: "pax", prefix: "", mode: 0o644, size: body.length, time, flag: "x", target: "" });
  return Buffer.concat([head, body, Buffer.alloc(paddingOf(body.length))]);
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
  readonly time: number;
  readonly flag: string;
  readonly target: string;
}

function block(fields: Fields): Buffer {
  const bytes = Buffer.alloc(blockSize);
  bytes.write(fields.name, 0);
  octal(bytes, fields.mode, 100, 7);
  octal(bytes, 0, 108, 7);
  octal(bytes, 0, 116, 7);
  octal(bytes, fields.size, 124, 11);
  octal(bytes, fields.time, 136, 11);
  bytes.write("        ", 148, "latin1");
  bytes.write(fields.flag, 156, "latin1");
  bytes.write(fields.target, 157);
  bytes.write("ustar\u000000", 257, "latin1");
  octal(bytes, 0, 329, 7);
  octal(bytes, 0, 337, 7);
  bytes.write(fields.prefix, 345);
  octal(bytes, sumOf(bytes), 148, 6);
  bytes[154] = 0;
  return bytes;
}

function sumOf(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < blockSize; at += 4) {
    const word = bytes.readUInt32LE(at);
    if (word !== 0) sum += (word & 0xff) + ((word >>> 8) & 0xff) + ((word >>> 16) & 0xff) + (word >>> 24);
  }
  return sum;
}

function octal(bytes: Buffer, value: number, at: number, digits: number): void {
  bytes.write(value.toString(8).padStart(digits, "0"), at, "latin1");
}
