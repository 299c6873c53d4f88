// What every page has: head, policy, header, footer, and a last line with the digest of everything before it. What a page must
// remember for the next one stands in itself, so the two can't disagree. Without scripts; nothing is fetched but the style.

import { digestOf } from "../../artifact/digest.ts";
import { canonicalText } from "../../artifact/json.ts";
import { KilnError } from "../../errors.ts";
import { type Html, html, quoted, unquoted } from "./html.ts";
import { rootFrom, webKeys } from "./keys.ts";
import { style } from "./style.ts";
import { addressOf } from "./text.ts";

/** One more whenever the same log gives other pages: an audit can't compare those that another Kiln wrote. */
export const pagesVersion = 1;

export const styleBytes = Buffer.from(style);
export const styleKey = webKeys.style(digestOf(styleBytes));

export interface Page {
  /** Where it lies. */
  readonly key: string;
  /** The log's name. */
  readonly origin: string;
  readonly title: string;
  /** What leads here from the front page: text and key, the page itself last. */
  readonly path: readonly { readonly text: string; readonly key?: string }[];
  readonly body: Html;
  /** What the page remembers, as JSON. */
  readonly state?: unknown;
}

const policy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'";

export function pageBytes({ key, origin, title, path, body, state }: Page): Buffer {
  const root = rootFrom(key);
  const to = (target: string) => addressOf(target, root);
  const crumbs = path.map(({ text, key: target }) =>
    target === undefined
      ? html`<li aria-current="page">${text}</li>`
      : html`<li><a href="${to(target)}">${text}</a></li>`,
  );
  const kept =
    state === undefined ? undefined : { html: `${memory.open}${quoted(canonicalText(state))}${memory.close}` };
  const text = html`<!DOCTYPE html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta http-equiv="Content-Security-Policy" content="${{ html: policy }}" />
        <meta name="referrer" content="no-referrer" />
        <meta name="color-scheme" content="light dark" />
        <meta name="generator" content="Kiln pages ${pagesVersion}" />
        ${kept}
        <link rel="stylesheet" href="${to(styleKey)}" />
        <title>${title}</title>
      </head>
      <body>
        <a class="skip" href="#content">Skip to the content</a>
        <header>
          <nav aria-label="Path">
            <ol>
              <li>
                ${
                  path.length === 0
                    ? html`<span class="origin" aria-current="page">${origin}</span>`
                    : html`<a class="origin" href="${to(webKeys.front)}">${origin}</a>`
                }
              </li>
              ${crumbs}
            </ol>
          </nav>
        </header>
        <main id="content">${body}</main>
        <footer>
          <p>
            Derived from the <a href="${to("log/checkpoint")}">log of ${origin}</a>; nothing on these pages has to be
            believed. What counts is the trust file that you pinned: <code>kiln verify</code> and
            <code>kiln audit</code> read nothing from here.
          </p>
        </footer>
      </body>
    </html> `;
  return Buffer.from(`${text.html}${sealOf(text.html)}\n`);
}

function sealOf(text: string): string {
  return `<!-- kiln-page ${pagesVersion} ${digestOf(text)} -->`;
}

/** Nothing that others wrote stands before it, and nothing of theirs can look like it. */
const memory = { open: `<meta name="kiln-state" content='`, close: "' />" } as const;

export interface ReadPage {
  /** Of the Kiln that wrote it. */
  readonly version: number;
  /** The JSON that it remembers; `undefined`: nothing. */
  readonly state: unknown;
}

/** Reads a whole page of these. Throws STORE_CORRUPT, which names `key`. */
export function readPage(bytes: Uint8Array, key: string): ReadPage {
  const text = Buffer.from(bytes).toString("utf8");
  const [seal, version, digest] = /<!-- kiln-page (\d{1,6}) ([0-9a-f]{64}) -->\n$/.exec(text) ?? [];
  if (seal === undefined || digest !== digestOf(bytes.subarray(0, bytes.length - seal.length))) {
    throw corrupt(key, "got something else than a whole page");
  }
  const content = /<meta name="kiln-state" content='([^']*)' \/>/.exec(text)?.[1];
  try {
    return { version: Number(version), state: content === undefined ? undefined : JSON.parse(unquoted(content)) };
  } catch (error) {
    if (error instanceof SyntaxError) throw corrupt(key, "got a page whose memory isn't JSON");
    throw error;
  }
}

export function corrupt(key: string, problem: string): KilnError {
  return new KilnError("STORE_CORRUPT", `${key}: ${problem}`, {
    hint: "`kiln views rebuild` writes it anew from the log",
  });
}
