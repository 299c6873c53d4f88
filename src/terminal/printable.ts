// Text that came from outside (a child's output, a name in a store, a path) made safe to show: it can't move the cursor,
// set the window's title or hide what was printed before it.

import { stripVTControlCharacters } from "node:util";

/** One line without control characters or bidirectional overrides; tabs become spaces. */
export function printableLine(text: string): string {
  const last = text.slice(text.replace(/\r+$/, "").lastIndexOf("\r") + 1);
  return escaped(stripVTControlCharacters(last).replaceAll("\t", "    ").replaceAll("\r", ""));
}

/** The same for text of several lines: line ends stay. */
export function printableText(text: string): string {
  return text.split("\n").map(printableLine).join("\n");
}

/** Columns that `text` takes on a terminal; colours take none. */
export function widthOf(coloured: string): number {
  const text = stripVTControlCharacters(coloured);
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let width = 0;
  for (const { segment } of graphemesOf(text)) width += segmentWidth(segment);
  return width;
}

/** `text`, or as much of it as fits into `columns`, with `…` at its end. */
export function fitted(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  let shown = "";
  let width = 0;
  for (const { segment } of graphemesOf(text)) {
    width += segmentWidth(segment);
    if (width > columns - 1) break;
    shown += segment;
  }
  return columns < 1 ? "" : `${shown}…`;
}

let graphemes: Intl.Segmenter | undefined;

/** Made when it is needed: it costs 8 ms, and most output is plain ASCII. */
function graphemesOf(text: string): Intl.Segments {
  graphemes ??= new Intl.Segmenter(undefined, { granularity: "grapheme" });
  return graphemes.segment(text);
}

// East Asian wide and full-width blocks (Unicode 16, UAX #11); everything else that prints takes one column.
const wide =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\u4dbf\u4e00-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{17000}-\u{18cff}\u{1b000}-\u{1b2ff}\u{20000}-\u{3fffd}]/u;

function segmentWidth(segment: string): number {
  if (/^[\p{Mark}\p{Format}]+$/u.test(segment)) return 0;
  return wide.test(segment) || /\p{Emoji_Presentation}|\ufe0f/u.test(segment) ? 2 : 1;
}

function escaped(line: string): string {
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  return line.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, (character) => {
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
  });
}
