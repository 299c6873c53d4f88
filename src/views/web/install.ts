// How to install from a channel, for each client: lines to copy, as they are, into a shell. Only clients whose repository the store
// has, and that install something of what the channel shows. Every word that others chose is quoted.

import { type Html, html } from "./html.ts";
import type { ChannelRow } from "./state.ts";
import { word } from "./text.ts";

export interface Place {
  /** The log's name. */
  readonly origin: string;
  /** Where clients reach the store; ends in `/`. */
  readonly url: string;
}

export interface Channel extends Place {
  readonly channel: string;
  /** What the client installs, by the names that it knows. */
  readonly packages: readonly string[];
}

export interface Client {
  /** A kind of `Package`. */
  readonly kind: string;
  readonly title: string;
  readonly install: (at: Channel) => readonly Step[];
}

/** Lines, and what they do. */
export interface Step {
  readonly text: string | Html;
  readonly lines: readonly string[];
}

/** What a channel shows, client by client; empty: nothing that a client installs. */
export function installing(row: ChannelRow, place: Place, level: "h3" | "h4" = "h4"): Html[] {
  const open = { html: `<${level}>` };
  const close = { html: `</${level}>` };
  return clients.flatMap(({ kind, title, install }) => {
    const packages = row.packages.filter((one) => one.kind === kind).map(({ name }) => name);
    if (packages.length === 0) return [];
    const steps = install({ ...place, channel: row.channel, packages });
    return [html`${open}${title}${close} ${steps.map(stepOf)}`];
  });
}

export function stepOf({ text, lines }: Step): Html {
  return html`<p>${text}</p>
    <pre><code>${lines.join("\n")}</code></pre> `;
}

/** Where the key is fetched, and what is looked at before it counts. */
export function keyLines({ url }: Place): string[] {
  return [`curl -fsSLO ${word(`${url}trust/openpgp.asc`)}`, "gpg --show-keys openpgp.asc"];
}

const apt: Client = {
  kind: "deb",
  title: "apt",
  install: ({ origin, url, channel, packages }) => {
    const keyring = `/etc/apt/keyrings/${origin}.asc`;
    const sources = `/etc/apt/sources.list.d/${origin}-${channel}.sources`;
    const preferences = `/etc/apt/preferences.d/${origin}-${channel}.pref`;
    return [
      {
        text: html`Once, with the <a href="#key">key</a> in the same folder:`,
        lines: [
          `sudo install -D -m 644 openpgp.asc ${keyring}`,
          `sudo tee ${sources} >/dev/null <<'END'`,
          "Types: deb",
          `URIs: ${url}`,
          `Suites: ${channel}`,
          "Components: main",
          `Signed-By: ${keyring}`,
          "END",
        ],
      },
      {
        text: "Install, and follow the channel forwards:",
        lines: ["sudo apt-get update", `sudo apt-get install ${words(packages)}`],
      },
      {
        text: "To follow the channel also when it goes back, take its preferences once; then upgrade so:",
        lines: [
          `sudo curl -fsSL -o ${preferences} ${word(`${url}dists/${channel}/preferences`)}`,
          "sudo apt-get update",
          "sudo apt-get upgrade --allow-downgrades",
        ],
      },
    ];
  },
};

const deploy: Client = {
  kind: "deploy",
  title: "kiln-deploy",
  install: ({ url, channel, packages }) => [
    {
      text: "On a host, with the trust file that you pinned; run it again to follow the channel, forth and back:",
      lines: packages.map(
        (name) => `kiln-deploy deploy ${word(`${name}:${channel}`)} --store ${word(url)} --trust trust.json`,
      ),
    },
  ],
};

/** In the order in which the pages show them. */
const clients: readonly Client[] = [apt, deploy];

function words(all: readonly string[]): string {
  return all.map(word).join(" ");
}
