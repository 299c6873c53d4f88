// The front page: every name with what its channels show. While names are few it shows all of them; beyond that the ones that
// changed last, and a list of all names on pages that change only when a name or a channel is new.

import { digestOf } from "../../artifact/digest.ts";
import { tableOf } from "./html-table.ts";
import { type Html, html } from "./html.ts";
import { keyLines, type Place, stepOf } from "./install.ts";
import { rootFrom, webKeys } from "./keys.ts";
import { pageBytes } from "./page.ts";
import type { FrontRow, FrontState, ListedName } from "./state.ts";
import { addressOf, counted, dayOf } from "./text.ts";

export function frontPage(state: FrontState, place: Place): Buffer {
  const { recent, pages } = state;
  const isAll = pages.length === 0;
  const rows = isAll ? recent.toSorted((a, b) => (a.name < b.name ? -1 : 1)) : recent.toReversed();
  const count = isAll ? recent.length : pages.reduce((sum, page) => sum + page.count, 0);
  const body = html`<h1>${place.origin}</h1>
    <p class="lead">
      ${counted(count, "name")}, published by Kiln: each release signed, logged, and the same bytes in every channel.
    </p>
    ${isAll ? "" : html`<h2 id="recent">Changed last</h2>`} ${table(rows)} ${isAll ? "" : allNames(state)}
    <h2 id="verify">Check, rather than believe</h2>
    <p>
      Every release is an entry of <a href="log/checkpoint">one log</a> that only grows, and every artifact has
      signatures beside it which <code>gpgv</code>, <code>sqv</code> and <code>cosign</code> verify without Kiln; the
      pages of the releases have the lines. The public keys lie in <a href="trust/trust.json"><code>trust/</code></a
      >: take them from somebody you trust, or compare what they told you.
    </p>
    ${stepOf({ text: "For people who install packages, the OpenPGP key:", lines: keyLines(place) })}`;
  return pageBytes({ key: webKeys.front, origin: place.origin, title: place.origin, path: [], body, state });
}

function table(rows: readonly FrontRow[]): Html {
  if (rows.length === 0) return html`<p>Nothing has been published yet.</p>`;
  const lines = rows.map(
    (row) =>
      html`<tr>
        <th scope="row"><a href="${addressOf(webKeys.name(row.name), "")}">${row.name}</a></th>
        <td>${channelsOf(row)}</td>
        <td class="wide">${dayOf(row.time)}</td>
      </tr> `,
  );
  return tableOf([{ text: "Name" }, { text: "Channels" }, { text: "Changed", class: "wide" }], lines);
}

function channelsOf({ name, channels, count, version }: FrontRow): Html {
  const to = (release: string) => addressOf(webKeys.release(name, release), "");
  if (channels.length === 0) {
    return version === undefined
      ? html`<span class="soft">nothing released yet</span>`
      : html`<a href="${to(version)}">${version}</a> <small>in no channel yet</small>`;
  }
  const more = count > channels.length ? html`<li><small>and ${count - channels.length} more</small></li>` : undefined;
  const items = channels.map(([channel, shows]) => html`<li>${channel} <a href="${to(shows)}">${shows}</a></li>`);
  return html`<ul class="inline">
    ${items}${more}
  </ul>`;
}

function allNames({ pages }: FrontState): Html {
  const items = pages.map(({ first, last, digest }) => {
    const to = addressOf(webKeys.names(digest), "");
    return html`<li><a href="${to}">${first === last ? first : `${first} – ${last}`}</a></li> `;
  });
  return html`<h2 id="names">All names</h2>
    <ul class="inline">
      ${items}
    </ul>`;
}

/** A page of the list of all names, which remembers them. */
export function namesPage(
  names: readonly ListedName[],
  { origin }: Pick<Place, "origin">,
): { digest: string; bytes: Buffer } {
  const key = webKeys.names("");
  const root = rootFrom(key);
  const rows = names.map(({ name, channels, count }) => {
    const more = count > channels.length ? ` and ${count - channels.length} more` : "";
    return html`<tr>
      <th scope="row"><a href="${addressOf(webKeys.name(name), root)}">${name}</a></th>
      <td>${channels.join(", ")}${more}</td>
    </tr> `;
  });
  const title = `${names[0]?.name} – ${names.at(-1)?.name}`;
  const body = html`<h1>${title}</h1>
    ${tableOf([{ text: "Name" }, { text: "Channels" }], rows)}`;
  const bytes = pageBytes({
    key,
    origin,
    title: `${title} · ${origin}`,
    path: [{ text: title }],
    body,
    state: { names },
  });
  return { digest: digestOf(bytes), bytes };
}
