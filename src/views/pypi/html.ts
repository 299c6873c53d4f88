// The HTML form of the simple repository API: a list of links, which a person can read too. A project's page says in its head which
// leaf decided it. Spec: PEP 503, PEP 629.

import { KilnError } from "../../errors.ts";
import { apiVersion, rebuildHint } from "./layout.ts";

interface HtmlPage {
  readonly title: string;
  /** Index of the newest leaf that decides what stands there. */
  readonly leaf?: number;
  readonly links: readonly string[];
}

export function htmlPage({ title, leaf, links }: HtmlPage): Buffer {
  const lines = [
    "<!DOCTYPE html>",
    '<html lang="en">',
    "<head>",
    '<meta charset="utf-8">',
    `<meta name="pypi:repository-version" content="${apiVersion}">`,
    ...(leaf === undefined ? [] : [`<meta name="kiln:leaf" content="${leaf}">`]),
    '<meta name="viewport" content="width=device-width">',
    `<title>${escape(title)}</title>`,
    "</head>",
    "<body>",
    `<h1>${escape(title)}</h1>`,
    ...links.map((one) => `${one}<br>`),
    "</body>",
    "</html>",
  ];
  return Buffer.from(`${lines.join("\n")}\n`);
}

export function link(
  href: string,
  text: string,
  attributes: Readonly<Record<string, string | undefined>> = {},
): string {
  const given = Object.entries({ href, ...attributes }).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}="${escape(value)}"`],
  );
  return `<a ${given.join(" ")}>${escape(text)}</a>`;
}

/** The leaf in a project's page. Throws STORE_CORRUPT, which names `key`. */
export function leafInHtml(bytes: Uint8Array, key: string): number {
  const text = Buffer.from(bytes).toString("utf8");
  const found = /^<meta name="kiln:leaf" content="(\d+)">$/m.exec(text)?.[1];
  if (found !== undefined && text.endsWith("</html>\n")) return Number(found);
  throw new KilnError("STORE_CORRUPT", `${key}: got ${bytes.length} bytes that aren't a project's page`, {
    hint: rebuildHint,
  });
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
