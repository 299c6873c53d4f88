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

const dnf: Client = {
  kind: "rpm",
  title: "dnf, yum, zypper",
  install: ({ origin, url, channel, packages }) => [
    {
      text: html`Once, with the <a href="#key">key</a> in the same folder (for zypper, into /etc/zypp/repos.d):`,
      lines: [
        "sudo rpm --import openpgp.asc",
        `sudo curl -fsSL -o /etc/yum.repos.d/${origin}-${channel}.repo ${word(`${url}rpm/${channel}/kiln.repo`)}`,
      ],
    },
    { text: "Install:", lines: [`sudo dnf install ${words(packages)}`] },
    {
      text: "To follow the channel, forth and back (zypper: refresh --force, and dist-upgrade --allow-downgrade):",
      lines: [`sudo dnf --refresh distro-sync ${words(packages)}`],
    },
  ],
};

const pip: Client = {
  kind: "wheel",
  title: "pip, uv",
  install: ({ url, channel, packages }) => {
    const index = word(`${url}pypi/${channel}/simple/`);
    return [
      {
        text: "Install; what it depends on is looked for in the same index:",
        lines: [`pip install --index-url ${index} ${words(packages)}`],
      },
      {
        text: "To follow the channel, forth and back:",
        lines: [`pip install --force-reinstall --index-url ${index} ${words(packages)}`],
      },
      { text: "The same with uv:", lines: [`uv pip install --reinstall --index-url ${index} ${words(packages)}`] },
    ];
  },
};

const npm: Client = {
  kind: "npm",
  title: "npm, pnpm, yarn",
  install: ({ url, channel, packages }) => {
    const registry = word(`${url}npm/`);
    const scopes = [...new Set(packages.flatMap((name) => /^@[^/]+/.exec(name)?.[0] ?? []))];
    const tagged = words(packages.map((name) => `${name}@${channel}`));
    // A registry of its own for a scope leaves everything else where it is.
    const isScoped = packages.every((name) => name.startsWith("@"));
    const option = isScoped ? "" : ` --registry ${registry}`;
    const once = scopes.map((scope) => `npm config set --location=project ${word(`${scope}:registry=${url}npm/`)}`);
    return [
      ...(isScoped ? [{ text: "Once, in the project:", lines: once }] : []),
      {
        text: "Install what the channel, a dist-tag, shows; again, to follow it forth and back:",
        lines: [`npm install ${tagged}${option}`],
      },
      {
        text: "The same with pnpm, or with yarn 1:",
        lines: [`pnpm add ${tagged}${option}`, `yarn add ${tagged}${option}`],
      },
    ];
  },
};

const helm: Client = {
  kind: "chart",
  title: "Helm",
  install: ({ origin, url, channel, packages }) => {
    const repository = `${origin}-${channel}`;
    const verified = "--verify --keyring openpgp.gpg";
    return [
      {
        text: html`Once; <code>openpgp.gpg</code> is the <a href="#key">key</a> in binary form:`,
        lines: [
          "gpg --dearmor -o openpgp.gpg openpgp.asc",
          `helm repo add ${repository} ${word(`${url}charts/${channel}`)}`,
        ],
      },
      {
        text: "Install, or follow the channel, forth and back:",
        lines: [
          "helm repo update",
          ...packages.map(
            (name) => `helm upgrade --install ${verified} ${word(name)} ${word(`${repository}/${name}`)}`,
          ),
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
const clients: readonly Client[] = [apt, dnf, pip, npm, helm, deploy];

function words(all: readonly string[]): string {
  return all.map(word).join(" ");
}
