// Memory of bytes that nobody needs any more, given back at once. The collector doesn't see how large they are until it has let a
// hundred megabytes of them pile up, and then looks at all that lives.

/** Bytes from which on it is worth it. */
const least = 64 * 1024;

/** Empties `bytes`, unless they are part of what others may hold. Nobody may use them afterwards. */
export function giveBack({ buffer, byteLength }: Uint8Array): void {
  // Decompressors leave a few bytes of their buffer empty.
  const isWhole = buffer.byteLength - byteLength <= 64;
  if (byteLength >= least && isWhole && buffer instanceof ArrayBuffer) buffer.transfer(0);
}
