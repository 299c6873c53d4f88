// A table of a page: its columns have heads, and one of class `wide` gives way on a phone.

import { type Html, html } from "./html.ts";

export interface Column {
  readonly text: string;
  readonly class?: string;
}

/** `rows`: each a `tr`. */
export function tableOf(columns: readonly Column[], rows: readonly Html[], caption?: Html): Html {
  const heads = columns.map(({ text, class: name }) =>
    name === undefined ? html`<th scope="col">${text}</th>` : html`<th scope="col" class="${name}">${text}</th>`,
  );
  return html`<table>
    ${
      caption === undefined
        ? ""
        : html`<caption>
            ${caption}
          </caption>`
    }
    <thead>
      <tr>
        ${{ html: heads.map((head) => head.html).join("\n") }}
      </tr>
    </thead>
    <tbody>
      ${rows}
    </tbody>
  </table>`;
}
