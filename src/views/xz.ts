// One .xz stream made of blocks that were compressed on their own. apt refuses several streams one after the other, but takes
// a stream of many blocks: so a block can be kept, and an index of 50,000 packages needn't be compressed anew for one more.
// The `xz` program compresses; here is only the frame around it. Spec: the .xz file format, 1.2.1, sections 2 to 4.

import { crc32 } from "node:zlib";

import { KilnError } from "../errors.ts";
import { endOf, runProgram } from "../system/process.ts";

export interface XzBlock {
  /** The block with its padding. */
  readonly bytes: Buffer;
  /** Its size without padding, as the stream's index has it. */
  readonly unpadded: number;
}

const magic = Buffer.from("fd377a585a00", "hex");
/** No check beside the digests of the index: CRC32. */
const flags = Buffer.of(0, 1);
const headerSize = magic.length + flags.length + 4;
const footerSize = 12;

/** Compresses `text` into one block. Throws TOOL_MISSING. */
export async function xzBlock(text: Uint8Array, signal?: AbortSignal): Promise<XzBlock> {
  const argv = ["xz", "--format=xz", "--check=crc32", "-6", "--threads=1", "--stdout"] as const;
  const env = { PATH: "/usr/local/bin:/usr/bin:/bin", LC_ALL: "C" };
  const result = await runProgram(argv, { cwd: "/", env, input: text, signal });
  if (result.status !== 0) {
    throw new KilnError("STEP_FAILED", `xz: got ${endOf(result)}, want 0: ${result.stderr.toString("utf8").trim()}`);
  }
  const stream = result.stdout;
  const indexSize = (stream.readUInt32LE(stream.length - 8) + 1) * 4;
  const indexStart = stream.length - footerSize - indexSize;
  // The index: a zero byte, the number of blocks, and of the one block its unpadded and its uncompressed size.
  const [count, afterCount] = readNumber(stream, indexStart + 1);
  const [unpadded] = readNumber(stream, afterCount);
  if (count !== 1 || !stream.subarray(0, magic.length + 2).equals(Buffer.concat([magic, flags]))) {
    throw new TypeError(`xz wrote ${count} blocks, want 1`);
  }
  return { bytes: stream.subarray(headerSize, indexStart), unpadded };
}

/** What stands before the first block. */
export const xzHeader = Buffer.concat([magic, flags, checksum(flags)]);

/** What stands behind the last: the index of all blocks, with their sizes before compression, and the footer. */
export function xzFooter(blocks: readonly { readonly unpadded: number; readonly size: number }[]): Buffer {
  const records = blocks.flatMap(({ unpadded, size }) => [writeNumber(unpadded), writeNumber(size)]);
  const index = Buffer.concat([Buffer.of(0), writeNumber(blocks.length), ...records]);
  const padded = Buffer.concat([index, Buffer.alloc((4 - (index.length % 4)) % 4)]);
  const whole = Buffer.concat([padded, checksum(padded)]);
  const backward = Buffer.alloc(4);
  backward.writeUInt32LE(whole.length / 4 - 1);
  const tail = Buffer.concat([backward, flags]);
  return Buffer.concat([whole, checksum(tail), tail, Buffer.from("YZ")]);
}

function checksum(bytes: Uint8Array): Buffer {
  const sum = Buffer.alloc(4);
  sum.writeUInt32LE(crc32(bytes));
  return sum;
}

/** Seven bits a byte, the lowest first. */
function writeNumber(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Buffer.from([...bytes, rest]);
}

function readNumber(bytes: Buffer, start: number): [value: number, next: number] {
  let value = 0;
  for (let at = start, scale = 1; ; at++, scale *= 0x80) {
    const byte = bytes[at] ?? 0;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return [value, at + 1];
  }
}
