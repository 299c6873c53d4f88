// XML of reports: read by a strict parser that knows no entities but XML's own five and fetches nothing; a document type may be
// named, but declares nothing. Rewriting replaces attributes in the text that was read, and leaves every other byte.

import { createRequire } from "node:module";

import type * as Sax from "sax";

import { reportInvalid } from "./report.ts";

const deepest = 200;
const mostAttributes = 1000;
/** Characters of one attribute, comment or tag. */
const longest = 1024 * 1024;
const piece = 64 * 1024;

export interface XmlHandler {
  open?(name: string, attributes: Readonly<Record<string, string>>): void;
  close?(name: string): void;
}

/** Reads a whole document. Throws REPORT_INVALID: not well-formed, too deep, or with declarations of its own. */
export function readXml(text: string, where: string, handler: XmlHandler): void {
  // Late: only a bake that has such a report needs it.
  const sax = createRequire(import.meta.url)("sax") as typeof Sax;
  // 64 KiB by itself, less than the message of some tests.
  Object.assign(sax, { MAX_BUFFER_LENGTH: longest });
  const options = { position: true, strictEntities: true };
  const parser = sax.parser(true, options);
  let depth = 0;
  let attributes = 0;
  let roots = 0;
  const refuse = (problem: string, cause?: Error): never => {
    throw reportInvalid(where, `line ${parser.line + 1}: ${problem}`, cause);
  };
  Object.assign(parser, {
    onerror: (error: Error) => refuse(`got XML that isn't well-formed: ${error.message.split("\n")[0]}`, error),
    ondoctype: (type: string) => {
      if (type.includes("[")) refuse("got declarations in the document type, want none");
    },
    onattribute: () => {
      if ((attributes += 1) > mostAttributes) refuse(`got an element with more than ${mostAttributes} attributes`);
    },
    onopentag: ({ name, attributes: given }: Sax.Tag) => {
      attributes = 0;
      if (depth === 0 && (roots += 1) > 1) refuse("got XML that isn't well-formed: a second element at the top");
      depth += 1;
      if (depth > deepest) refuse(`got elements nested more than ${deepest} deep`);
      handler.open?.(name, given);
    },
    onclosetag: (name: string) => {
      depth -= 1;
      handler.close?.(name);
    },
  });
  // In pieces: what is too long is noticed between them.
  for (let at = 0; at < text.length; at += piece) parser.write(text.slice(at, at + piece));
  parser.close();
}

/** The name and attributes of the first element; undefined when the text has none, or isn't XML up to there. */
export function rootOf(text: string): { name: string; attributes: Readonly<Record<string, string>> } | undefined {
  let found: { name: string; attributes: Readonly<Record<string, string>> } | undefined;
  const stop = new Error("found");
  try {
    readXml(text, "", {
      open: (name, attributes) => {
        found = { name, attributes };
        throw stop;
      },
    });
  } catch (error) {
    if (error !== stop) return undefined;
  }
  return found;
}

const markup =
  /<!--[^]*?-->|<!\[CDATA\[[^]*?\]\]>|<\?[^]*?\?>|<!DOCTYPE[^>]*>|<([^\s<>/!?]+)((?:\s+[^\s=<>"'/]+\s*=\s*(?:"[^"]*"|'[^']*'))*)/g;

/**
 * `text`, which `readXml` accepted, with other attribute values, and without its comments. `value`: what an attribute becomes, free
 * of `"`, `<` and `&`; undefined leaves it.
 */
export function rewriteXml(text: string, value: (element: string, attribute: string) => string | undefined): string {
  return text.replaceAll(markup, (whole: string, element: string | undefined, attributes: string | undefined) => {
    if (whole.startsWith("<!--")) return "";
    if (element === undefined || attributes === undefined) return whole;
    const rewritten = attributes.replaceAll(
      /([^\s=<>"'/]+)(\s*=\s*)(?:"[^"]*"|'[^']*')/g,
      (same: string, name: string, equals: string) => {
        const next = value(element, name);
        return next === undefined ? same : `${name}${equals}"${next}"`;
      },
    );
    return `<${element}${rewritten}`;
  });
}
