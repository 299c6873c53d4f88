// Reads a tar stream as untrusted bytes: ustar with PAX and GNU long names, nothing else. It never guesses: what it can't
// read exactly is an ARCHIVE_UNSAFE, since two readers that guess differently are how an archive shows one and unpacks another.
// Synchronous and without copies where a header lies whole in a piece: called once per decompressed piece.

import { KilnError } from "../errors.ts";

export interface TarEntry {
  /** As written, without the trailing slash of a directory. Not checked: may be absolute, hold `..` or anything but NUL. */
  readonly path: string;
  readonly type: "file" | "directory" | "symlink" | "hardlink";
  /** All twelve permission bits. */
  readonly mode: number;
  /** Bytes that follow; 0 for anything but a file. */
  readonly size: number;
  /** Seconds since 1970. */
  readonly modified: number;
  /** Where a link leads, as written; empty for anything else. */
  readonly target: string;
}

/** What the reader calls, in the archive's order: `entry`, any number of `data`, `end`. */
export interface TarSink {
  entry(entry: TarEntry): void;
  data(piece: Buffer): void;
  end(): void;
}

export interface TarReader {
  write(piece: Buffer): void;
  /** Throws unless the archive was whole. */
  finish(): void;
}

const blockSize = 512;
/** A PAX header or a long name that is larger is an attack on memory. */
const metaLimit = 1024 * 1024;
const types: Readonly<Record<string, TarEntry["type"] | "pax" | "global" | "long-path" | "long-target">> = {
  "0": "file",
  "\0": "file",
  "1": "hardlink",
  "2": "symlink",
  "5": "directory",
  x: "pax",
  g: "global",
  L: "long-path",
  K: "long-target",
};

interface Overrides {
  path?: string;
  target?: string;
  size?: number;
}

/** Makes a reader that feeds `sink`. Whatever is malformed throws ARCHIVE_UNSAFE; an error of the sink passes through. */
export function tarReader(sink: TarSink): TarReader {
  let state: "header" | "body" | "meta" | "padding" | "trailer" = "header";
  let held = Buffer.alloc(0);
  let left = 0;
  let padding = 0;
  let zeroBlocks = 0;
  let meta: { sort: "pax" | "global" | "long-path" | "long-target"; pieces: Buffer[] } | undefined;
  let overrides: Overrides = {};

  function begin(block: Buffer): void {
    if (isZero(block)) {
      zeroBlocks += 1;
      if (zeroBlocks === 2) state = "trailer";
      return;
    }
    if (zeroBlocks > 0) throw unsafe("got an entry after a block of zeros");
    const header = parseHeader(block);
    const size = overrides.size ?? header.size;
    padding = -size & (blockSize - 1);
    left = size;
    if (
      header.sort === "pax" ||
      header.sort === "global" ||
      header.sort === "long-path" ||
      header.sort === "long-target"
    ) {
      if (size > metaLimit) throw unsafe(`got a ${header.sort} header of ${size} bytes, want at most ${metaLimit}`);
      meta = { sort: header.sort, pieces: [] };
      state = "meta";
    } else {
      sink.entry(entryOf(header, header.sort, size, overrides));
      overrides = {};
      state = "body";
    }
    if (left === 0) endOfBody();
  }

  function endOfBody(): void {
    if (meta === undefined) sink.end();
    else {
      overrides = { ...overrides, ...parseMeta(meta.sort, Buffer.concat(meta.pieces)) };
      meta = undefined;
    }
    left = padding;
    state = left === 0 ? "header" : "padding";
  }

  /** Takes what it can of `piece` from `at` on, and says where it stopped. */
  function take(piece: Buffer, at: number): number {
    const end = Math.min(piece.length, at + left);
    left -= end - at;
    if (state === "body") sink.data(piece.subarray(at, end));
    else if (state === "meta") meta?.pieces.push(Buffer.from(piece.subarray(at, end)));
    if (left > 0) return end;
    if (state === "padding") state = "header";
    else endOfBody();
    return end;
  }

  function takeHeader(piece: Buffer, at: number): number {
    if (held.length === 0 && piece.length - at >= blockSize) {
      begin(piece.subarray(at, at + blockSize));
      return at + blockSize;
    }
    const end = Math.min(piece.length, at + blockSize - held.length);
    held = Buffer.concat([held, piece.subarray(at, end)]);
    if (held.length === blockSize) {
      const block = held;
      held = Buffer.alloc(0);
      begin(block);
    }
    return end;
  }

  return {
    write(piece) {
      let at = 0;
      while (at < piece.length) {
        if (state === "header") at = takeHeader(piece, at);
        else if (state !== "trailer") at = take(piece, at);
        else if (isZero(piece.subarray(at))) at = piece.length;
        else throw unsafe("got bytes after the end of the archive");
      }
    },
    finish() {
      if (state !== "trailer") throw unsafe("got an archive that is cut off");
    },
  };
}

/** The one error for an archive that isn't to be unpacked. */
export function unsafe(what: string, cause?: unknown): KilnError {
  return new KilnError("ARCHIVE_UNSAFE", `archive: ${what}`, { cause, hint: "nothing of it was kept" });
}

interface Header extends Omit<TarEntry, "type"> {
  readonly sort: NonNullable<(typeof types)[string]>;
}

function parseHeader(block: Buffer): Header {
  const magic = block.toString("latin1", 257, 263);
  if (magic !== "ustar\0" && magic !== "ustar ") throw unsafe("got a header that is neither ustar nor GNU tar");
  let sum = 0;
  // A plain loop: it runs for every byte of every header.
  for (let at = 0; at < blockSize; at += 1) sum += at >= 148 && at < 156 ? 32 : (block[at] ?? 0);
  if (sum !== number(block, 148, 8)) throw unsafe("got a header with a wrong checksum");
  const flag = block.toString("latin1", 156, 157);
  const sort = types[flag];
  const name = text(block, 0, 100);
  if (sort === undefined) {
    throw unsafe(`${shown(name)}: got an entry of type ${JSON.stringify(flag)}, want files, directories and links`);
  }
  const prefix = magic === "ustar\0" ? text(block, 345, hasTimes(block) ? 131 : 155) : "";
  return {
    path: prefix === "" ? name : `${prefix}/${name}`,
    sort,
    mode: number(block, 100, 8) & 0o7777,
    size: number(block, 124, 12),
    modified: number(block, 136, 12),
    target: text(block, 157, 100),
  };
}

/**
 * Whether a header ends in two times where ustar's prefix has its last bytes, as star's and npm's older ones do. The byte before them
 * is then NUL, so that a reader who knows nothing of it stops there as well.
 */
function hasTimes(block: Buffer): boolean {
  return block[475] === 0 && /^(?:[0-7]{11}[ \0]){2}$/.test(block.toString("latin1", 476, 500));
}

function entryOf(header: Header, type: TarEntry["type"], size: number, overrides: Overrides): TarEntry {
  const path = overrides.path ?? header.path;
  if (type !== "file" && size !== 0) throw unsafe(`${shown(path)}: got a ${type} with ${size} bytes`);
  const isLink = type === "symlink" || type === "hardlink";
  return {
    path: type === "directory" ? path.replace(/\/+$/, "") : path,
    type,
    mode: header.mode,
    size,
    modified: header.modified,
    target: isLink ? (overrides.target ?? header.target) : "",
  };
}

function parseMeta(sort: "pax" | "global" | "long-path" | "long-target", body: Buffer): Overrides {
  if (sort === "long-path") return { path: text(body, 0, body.length) };
  if (sort === "long-target") return { target: text(body, 0, body.length) };
  const overrides = parsePax(body);
  if (sort === "global" && Object.keys(overrides).length > 0) {
    throw unsafe("got a global header that names every entry");
  }
  return overrides;
}

/** PAX records, `length key=value\n`. Times and owners in them are not used. */
function parsePax(body: Buffer): Overrides {
  const overrides: Overrides = {};
  for (let at = 0; at < body.length;) {
    const space = body.indexOf(32, at);
    const digits = body.toString("latin1", at, space === -1 ? at : space);
    const end = at + Number(digits);
    if (!/^[1-9][0-9]{0,7}$/.test(digits) || end > body.length || end <= space + 1 || body[end - 1] !== 10) {
      throw unsafe("got a PAX header that can't be read");
    }
    const record = utf8(body.subarray(space + 1, end - 1));
    const equals = record.indexOf("=");
    if (equals < 1) throw unsafe("got a PAX record without a key");
    const value = record.slice(equals + 1);
    const key = record.slice(0, equals);
    if (key.startsWith("GNU.sparse.")) throw unsafe("got a sparse file");
    if (key === "path") overrides.path = withoutNul(value);
    if (key === "linkpath") overrides.target = withoutNul(value);
    if (key === "size") {
      if (!/^[0-9]{1,15}$/.test(value)) throw unsafe(`got a PAX size of ${shown(value)}`);
      overrides.size = Number(value);
    }
    at = end;
  }
  return overrides;
}

/** Text up to the first NUL; what follows must be NUL too, so that no two readers differ. */
function text(block: Buffer, start: number, length: number): string {
  const field = block.subarray(start, start + length);
  const nul = field.indexOf(0);
  if (nul === -1) return utf8(field);
  if (!isZero(field.subarray(nul))) throw unsafe(`got a name with a NUL in it`);
  return utf8(field.subarray(0, nul));
}

function withoutNul(value: string): string {
  if (value.includes("\0")) throw unsafe(`got a name with a NUL in it`);
  return value;
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function utf8(bytes: Buffer): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw unsafe(`got a name that isn't UTF-8`, cause);
  }
}

/** An octal field, or GNU's base-256 for what doesn't fit. */
function number(block: Buffer, start: number, length: number): number {
  if (((block[start] ?? 0) & 0x80) !== 0) {
    const value = block
      .subarray(start + 1, start + length)
      .reduce((sum, byte) => sum * 256 + byte, (block[start] ?? 0) & 0x7f);
    if (!Number.isSafeInteger(value)) throw unsafe("got a number that is too large");
    return value;
  }
  const digits = block
    .toString("latin1", start, start + length)
    .replace(/[ \0]+$/, "")
    .trimStart();
  if (!/^[0-7]*$/.test(digits)) throw unsafe(`got ${shown(digits)} for a number`);
  return digits === "" ? 0 : Number.parseInt(digits, 8);
}

const zeros = Buffer.alloc(64 * 1024);

function isZero(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; at += zeros.length) {
    const part = bytes.subarray(at, at + zeros.length);
    if (!part.equals(zeros.subarray(0, part.length))) return false;
  }
  return true;
}

/** Untrusted text for a message: quoted, and not endless. */
export function shown(text: string): string {
  return JSON.stringify(text.length > 120 ? `${text.slice(0, 120)}…` : text);
}
