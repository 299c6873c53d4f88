// How the pages write what isn't text: times, sizes, addresses, words of a shell.

import { type Html, html } from "./html.ts";

/** A date. `seconds`: since 1970. */
export function dayOf(seconds: number): Html {
  const iso = isoTime(seconds);
  return html`<time datetime="${iso}">${iso.slice(0, 10)}</time>`;
}

/** A date and the time of day, UTC. */
export function timeOf(seconds: number): Html {
  const iso = isoTime(seconds);
  return html`<time datetime="${iso}">${iso.slice(0, 10)} ${iso.slice(11, 16)}</time>`;
}

/** Whoever signed a leaf chose its time: years that no date can hold are cut off. */
function isoTime(seconds: number): string {
  const latest = Date.UTC(9999, 11, 31) / 1000;
  return `${new Date(Math.min(seconds, latest) * 1000).toISOString().slice(0, 19)}Z`;
}

/** As in `1.4 MiB`. */
export function sizeOf(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let size = bytes;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return unit === 0 ? counted(bytes, "byte") : `${size < 10 ? size.toFixed(1) : Math.round(size)} ${units[unit]}`;
}

/** As in `1 release`, `2 releases`. */
export function counted(count: number, noun: string): string {
  const grouped = String(count).replaceAll(/\B(?=(?:\d{3})+$)/g, "\u202F");
  return `${grouped} ${noun}${count === 1 ? "" : "s"}`;
}

/** A key of the store as an address relative to `root`. S3 reads a bare `+` as a space. */
export function addressOf(key: string, root: string): string {
  return root + key.split("/").map(encodeURIComponent).join("/");
}

/** A word that a shell takes as it is. */
export function word(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A fingerprint in groups of four, as people compare it. */
export function groupsOf(fingerprint: string): string {
  return fingerprint.toUpperCase().replaceAll(/.{4}(?=.)/g, "$& ");
}

export function repositoryLink(repository: string): Html {
  // Whoever baked chose the text: only an address of the web becomes a link.
  if (!/^https?:\/\/[^\s"'<>]+$/.test(repository)) return html`${repository}`;
  return html`<a href="${repository}" rel="noreferrer">${repository}</a>`;
}
