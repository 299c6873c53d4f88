// The two ways in which the log's text formats write data: strict, so that one value has exactly one spelling and what
// was signed can't be read in two ways.

/** Standard base64 with padding, in its one canonical spelling; anything else is `undefined`. */
export function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : undefined;
}

/** A decimal number up to 2^53 - 1 without sign or leading zeros; anything else is `undefined`. */
export function parseCount(text: string): number | undefined {
  if (!/^(?:0|[1-9][0-9]{0,15})$/.test(text)) return undefined;
  const count = Number(text);
  return Number.isSafeInteger(count) ? count : undefined;
}
