// A package as rpmbuild lays one out, made by hand: small, and with whatever in it.

import { headerBytes, type RpmEntry } from "../../src/artifact/rpm-header.ts";

export const text = (tag: number, value: string): RpmEntry => {
  return { tag, type: 6, count: 1, data: Buffer.from(`${value}\0`) };
};

const binary = (tag: number, data: Buffer): RpmEntry => ({ tag, type: 7, count: data.length, data });

export interface RpmWishes {
  readonly header?: readonly RpmEntry[];
  readonly payload?: Buffer;
  /** Bytes that are kept free for a signature. */
  readonly room?: number;
}

export function makeRpm({
  header = [text(1000, "app")],
  payload = Buffer.from("files"),
  room = 4128,
}: RpmWishes = {}): Buffer {
  const lead = Buffer.alloc(96);
  lead.write("edabeedb", "hex");
  const signature = headerBytes([
    text(269, "a".repeat(40)),
    text(273, "b".repeat(64)),
    binary(1008, Buffer.alloc(room)),
  ]);
  return Buffer.concat([lead, signature, Buffer.alloc(-signature.length & 7), headerBytes(header), payload]);
}
