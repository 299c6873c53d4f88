// The page of a name: what its channels show, how to install it, its releases, and every move of its channels. Older releases and
// events lie on pages of their own, which never change, but for a release that something is said of later.

import { digestOf } from "../../artifact/digest.ts";
import { perPage } from "./fold.ts";
import { tableOf } from "./html-table.ts";
import { type Html, html } from "./html.ts";
import { installing, keyLines, type Place, stepOf } from "./install.ts";
import { rootFrom, webKeys } from "./keys.ts";
import { pageBytes } from "./page.ts";
import type { ChannelRow, Event, NameState, ReleaseRow } from "./state.ts";
import { addressOf, counted, dayOf, groupsOf, repositoryLink, timeOf } from "./text.ts";

/** Channels whose lines to copy are shown; a name with more has them for branches, mostly. */
const mostInstalled = 8;

export function namePage(state: NameState, place: Place): Buffer {
  const { name, releases, events } = state;
  const key = webKeys.name(name);
  const link = linksFrom(key);
  const newest = releases.at(-1);
  const count = releases.length + perPage * state.olderReleases.length;
  const body = html`<h1>${name}</h1>
    <p class="lead">
      ${state.summary === undefined ? "" : html`${state.summary}<br />`}${counted(count, "release")}${
        newest === undefined ? "" : html`, the newest ${link.release(name, newest.version)} of ${dayOf(newest.time)}`
      }${repositoryOf(state)}
    </p>
    ${channelsTable(state, link)} ${installSection(state, place)}
    ${
      releases.length === 0
        ? ""
        : html`<h2 id="releases">Releases</h2>
            ${releasesTable(name, releases, link)}${olderReleases(state, link)}`
    }
    ${
      events.length === 0
        ? ""
        : html`<h2 id="history">History</h2>
            ${eventsTable(name, events, link)}${olderEvents(state, link)}`
    }`;
  return pageBytes({
    key,
    origin: place.origin,
    title: `${name} · ${place.origin}`,
    path: [{ text: name }],
    body,
    state,
  });
}

type Links = ReturnType<typeof linksFrom>;

function linksFrom(key: string) {
  const root = rootFrom(key);
  const to = (target: string, text: string) => html`<a href="${addressOf(target, root)}">${text}</a>`;
  return { to, release: (name: string, version: string) => to(webKeys.release(name, version), version) };
}

function repositoryOf({ repository }: NameState): Html | undefined {
  if (repository === undefined) return undefined;
  return html`<br />Source: ${repositoryLink(repository)}`;
}

function channelsTable({ name, channels }: NameState, link: Links): Html {
  if (channels.length === 0) return html`<p>No channel leads to it yet.</p>`;
  const rows = channels.map(
    ({ channel, version, time, counter }) =>
      html`<tr>
        <th scope="row">${channel}</th>
        <td>${link.release(name, version)}</td>
        <td>${dayOf(time)}</td>
        <td class="number wide">${counter}</td>
      </tr> `,
  );
  return html`<h2 id="channels">Channels</h2>
    ${tableOf([{ text: "Channel" }, { text: "Shows" }, { text: "Since" }, { text: "Moves", class: "number wide" }], rows)}`;
}

function installSection({ channels, keys }: NameState, place: Place): Html | undefined {
  const shown = channels.flatMap((row) => {
    const ways = installing(row, place);
    return ways.length === 0 ? [] : [{ row, ways }];
  });
  if (shown.length === 0) return undefined;
  const left = shown.length - mostInstalled;
  return html`<h2 id="install">Install</h2>
    <section class="channel">
      ${shown.slice(0, mostInstalled).map(({ row, ways }, at) => channelWays(row, ways, at === 0))}
    </section>
    ${left > 0 ? html`<p>${counted(left, "more channel")}: put its name into the lines above.</p> ` : ""}
    <h2 id="key">The key</h2>
    ${stepOf({ text: "Fetch it, and look at its fingerprint:", lines: keyLines(place) })}
    <p>
      It must be ${keys.length === 1 ? "this" : "one of these"}; ask somebody you trust, not this page, whether it is
      right:
    </p>
    <ul>
      ${keys.map((key) => html`<li><code>${groupsOf(key)}</code></li>`)}
    </ul>`;
}

function channelWays({ channel, version }: ChannelRow, ways: readonly Html[], isOpen: boolean): Html {
  const open = isOpen ? html` open` : undefined;
  return html`<details${open} id="install-${channel}"><summary><h3>${channel}</h3> <small>${version}</small></summary>
${ways}</details>
`;
}

function releasesTable(name: string, releases: readonly ReleaseRow[], link: Links): Html {
  const rows = releases.toReversed().map((row) => {
    const { version, time, aliases = [], of } = row;
    const also = aliases.length === 0 ? undefined : html` <small>also ${aliases.join(", ")}</small>`;
    return html`<tr>
      <th scope="row">${link.release(name, version)}${standingOf(row)}${also}</th>
      <td>${dayOf(time)}</td>
      <td>${of === undefined ? "" : of.kinds.join(", ")}</td>
      <td class="wide"><code>${of?.commit?.slice(0, 10) ?? ""}</code></td>
    </tr> `;
  });
  return tableOf(
    [{ text: "Version" }, { text: "Released" }, { text: "Holds" }, { text: "Commit", class: "wide" }],
    rows,
  );
}

/** The badges of a release that isn't to be used any more, or that others made. */
export function standingOf({ yanked, retired, of }: ReleaseRow): Html[] {
  return [
    ...(yanked === undefined ? [] : [html` <span class="badge bad">yanked</span>`]),
    ...(retired === undefined ? [] : [html` <span class="badge warn">retired</span>`]),
    ...(of?.imported === undefined ? [] : [html` <span class="badge">imported</span>`]),
    ...(of === undefined ? [html` <span class="badge bad">unreadable</span>`] : []),
  ];
}

function olderReleases({ name, olderReleases: pages }: NameState, link: Links): Html | undefined {
  if (pages.length === 0) return undefined;
  const items = pages
    .toReversed()
    .map(({ first, last, digest }) => html`<li>${link.to(webKeys.older(name, digest), `${last} – ${first}`)}</li> `);
  return html`<nav aria-label="Older releases">
    <p>Older:</p>
    <ul class="inline">
      ${items}
    </ul>
  </nav>`;
}

function olderEvents({ name, olderEvents: older }: NameState, link: Links): Html | undefined {
  if (older === undefined) return undefined;
  return html`<p>${link.to(webKeys.older(name, older.digest), counted(older.count, "older event"))}</p>`;
}

function eventsTable(name: string, events: readonly Event[], link: Links): Html {
  const rows = events.toReversed().map(
    (event) =>
      html`<tr>
        <td>${timeOf(event.time)}</td>
        <th scope="row">${event.channel ?? "—"}</th>
        <td>${eventText(name, event, link)}</td>
        <td class="number wide">${event.leaf}</td>
      </tr> `,
  );
  return tableOf(
    [{ text: "When (UTC)" }, { text: "Channel" }, { text: "What" }, { text: "Log entry", class: "number wide" }],
    rows,
  );
}

function eventText(name: string, { what, version, from, text = "" }: Event, link: Links): Html {
  const release = link.release(name, version);
  switch (what) {
    case "moved":
      return html`${from === undefined ? "" : html`${link.release(name, from)} → `}${release}`;
    case "alias":
      return html`${release} is also ${text}`;
    case "attested":
      return html`${release} was attested: ${text}`;
    case "yanked":
      return html`${release} <span class="bad">yanked</span>: ${text}`;
    case "unyanked":
      return html`${release} is no longer yanked`;
    case "retired":
      return html`${release} <span class="warn">retired</span>: ${text}`;
    case "refused":
      return html`${version} <span class="warn">refused</span> by the gate ${text}`;
  }
}

export interface OlderPage {
  readonly digest: string;
  readonly bytes: Buffer;
}

/** A page of older releases, which remembers them. */
export function olderReleasesPage(
  name: string,
  releases: readonly ReleaseRow[],
  place: Pick<Place, "origin">,
): OlderPage {
  const link = linksFrom(webKeys.older(name, ""));
  const body = html`<h1>
      ${name} <span class="version">releases ${releases.at(-1)?.version} – ${releases[0]?.version}</span>
    </h1>
    ${releasesTable(name, releases, link)}`;
  return older({ name, title: "older releases", body, state: { releases }, origin: place.origin });
}

/** A page of older events, which leads to the one before it. */
export function olderEventsPage(
  { name, olderEvents: before }: NameState,
  events: readonly Event[],
  place: Pick<Place, "origin">,
): OlderPage {
  const link = linksFrom(webKeys.older(name, ""));
  const more =
    before === undefined
      ? undefined
      : html`<p>${link.to(webKeys.older(name, before.digest), counted(before.count, "older event"))}</p>`;
  const body = html`<h1>${name} <span class="version">older events</span></h1>
    ${eventsTable(name, events, link)}${more}`;
  return older({ name, title: "older events", body, state: { before: before?.digest ?? null }, origin: place.origin });
}

function older(page: {
  readonly name: string;
  readonly title: string;
  readonly body: Html;
  readonly state: unknown;
  readonly origin: string;
}): OlderPage {
  const { name, title, origin } = page;
  const path = [{ text: name, key: webKeys.name(name) }, { text: title }];
  const bytes = pageBytes({ ...page, path, key: webKeys.older(name, ""), title: `${name}, ${title} · ${origin}` });
  return { digest: digestOf(bytes), bytes };
}
