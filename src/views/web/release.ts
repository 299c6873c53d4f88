// The page of a release: what it is made of, what was checked, its SBOMs, its proof, and lines to fetch and verify each file without
// Kiln. It is written with the release and changes only when something is said of it later: which channel shows it stands on the
// name's page.

import { attestationKey } from "../../artifact/attestation.ts";
import type { ReleaseLeaf } from "../../artifact/leaf.ts";
import { type Manifest, manifestFile } from "../../artifact/manifest.ts";
import { keys, poolKey } from "../../artifact/pool.ts";
import { recordOrder } from "../../artifact/records.ts";
import { signaturesFile } from "../../artifact/signatures.ts";
import { artifactCard, type CardRelease, type Contents } from "./artifact-card.ts";
import { gatesList } from "./gates.ts";
import { tableOf } from "./html-table.ts";
import { type Html, html } from "./html.ts";
import { stepOf } from "./install.ts";
import { rootFrom, webKeys } from "./keys.ts";
import { standingOf } from "./name.ts";
import { pageBytes } from "./page.ts";
import { componentsTable } from "./sbom.ts";
import type { ReleaseRow } from "./state.ts";
import { addressOf, counted, dayOf, repositoryLink, sizeOf, word } from "./text.ts";

export interface ReleaseToShow {
  readonly name: string;
  readonly row: ReleaseRow;
  readonly leaf: ReleaseLeaf;
  /** Undefined: the pool hasn't what the log says of it. */
  readonly contents: Contents | undefined;
  readonly place: CardRelease["place"];
}

export function releasePage({ name, row, leaf, contents, place }: ReleaseToShow): Buffer {
  const { version } = row;
  const key = webKeys.release(name, version);
  const to = (target: string) => addressOf(target, rootFrom(key));
  const page = { name, row, leaf, place, to };
  const rest =
    contents === undefined
      ? html`<p class="notice bad">
          <span
            >What the log says of this release isn't in the pool, or isn't as it says. <code>kiln audit</code> tells
            more.</span
          >
        </p>`
      : contentsOf({ ...page, ...contents });
  const body = html`<h1>${name} <span class="version">${version}</span>${standingOf(row)}</h1>
    ${notices(row)}
    <p class="lead">
      Released ${dayOf(row.time)}.
      <a href="${to(webKeys.name(name))}">All releases of ${name}, its channels and how to install it</a>
    </p>
    ${rest} ${proof(page, contents)}`;
  return pageBytes({
    key,
    origin: place.origin,
    title: `${name} ${version} · ${place.origin}`,
    path: [{ text: name, key: webKeys.name(name) }, { text: version }],
    body,
    state: { changed: row.changed ?? row.leaf },
  });
}

interface Shown extends CardRelease {
  readonly name: string;
  readonly leaf: ReleaseLeaf;
}

function notices({ yanked, retired }: ReleaseRow): Html[] {
  return [
    ...(yanked === undefined ? [] : [html`<p class="notice bad"><strong>Yanked.</strong> <span>${yanked}</span></p> `]),
    ...(retired === undefined
      ? []
      : [
          html`<p class="notice warn">
            <strong>Retired.</strong> <span>${retired} Its artifacts may be gone from the store.</span>
          </p> `,
        ]),
  ];
}

function contentsOf(release: Shown): Html {
  const { manifest, row } = release;
  const aliases =
    row.aliases === undefined
      ? undefined
      : html`<dt>Also called</dt>
          <dd>${row.aliases.join(", ")}</dd> `;
  return html`<dl>
      ${aliases} ${manifest.imported === undefined ? bakedFrom(manifest) : ""}
      <dt>Manifest</dt>
      <dd>${blob(release, { sha256: release.leaf.manifest, file: manifestFile })}</dd>
      ${
        manifest.imported === undefined
          ? html`<dt>Provenance</dt>
              <dd>${blob(release, manifest.provenance)} (SLSA v1)</dd> `
          : html`<dt>Statement</dt>
              <dd>${blob(release, manifest.provenance)} (what is known of its origin; of a build nothing is)</dd> `
      }
    </dl>
    ${imported(manifest)} ${cells(manifest)}
    <h2 id="artifacts">${counted(manifest.artifacts.length, "artifact")}</h2>
    ${manifest.artifacts.map((artifact, place) => artifactCard(release, artifact, place))} ${checks(release)}
    ${sboms(release)} ${activation(manifest)}`;
}

function bakedFrom({ source, bakeKey }: Manifest): Html {
  return html`<dt>Commit</dt>
    <dd>
      ${source.commit === null ? "none: baked from a changed tree" : html`<code>${source.commit}</code>`}${
        source.repository === null ? "" : html` of ${repositoryLink(source.repository)}`
      }
    </dd>
    <dt>Recipe</dt>
    <dd><code>${source.recipe}</code></dd>
    <dt>Time of the commit</dt>
    <dd>${dayOf(source.time)}</dd>
    <dt>Bake key</dt>
    <dd><span class="digest">${bakeKey}</span></dd> `;
}

function blob({ to }: Pick<Shown, "to">, { sha256, file }: { readonly sha256: string; readonly file: string }): Html {
  return html`<a href="${to(poolKey({ sha256, file }))}">${file}</a> <span class="digest">${sha256}</span>`;
}

function imported({ imported: from }: Manifest): Html | undefined {
  if (from === undefined) return undefined;
  const files = from.files.map(
    ({ artifact, name, size, sha256 }) =>
      html`<li>${artifact}: ${name}, ${sizeOf(size)} <span class="digest">${sha256}</span></li>`,
  );
  const origin =
    from.origin === undefined
      ? "Where they were got from isn't known."
      : html`Got from: ${repositoryLink(from.origin)}`;
  return html`<h2 id="imported">Imported</h2>
    <p>Kiln didn't bake these files: they were handed over as they are. ${origin}</p>
    ${from.note === undefined ? "" : html`<p>${from.note}</p>`}
    <ul>
      ${files}
    </ul>`;
}

function cells({ cells: all }: Manifest): Html | undefined {
  if (all === undefined) return undefined;
  const axes = [...new Set(all.flatMap(({ values }) => Object.keys(values)))].toSorted();
  const rows = all.map(
    ({ values, artifacts }) =>
      html`<tr>
        ${axes.map((axis) => html`<td>${values[axis] ?? ""}</td>`)}
        <td>${artifacts.join(", ")}</td>
      </tr> `,
  );
  return html`<h2 id="cells">Baked for</h2>
    ${tableOf(
      [...axes, "Artifacts"].map((text) => ({ text })),
      rows,
    )}`;
}

function checks({ manifest, to, row }: Shown): Html | undefined {
  const ends = Object.entries(manifest.checks ?? {});
  const attested = manifest.attestations ?? [];
  const later = row.attestations ?? [];
  if (ends.length === 0 && manifest.gates === undefined && attested.length === 0 && later.length === 0)
    return undefined;
  const result = (end: string) => html`<span class="${end === "passed" ? "good" : "bad"}">${end}</span>`;
  return html`<h2 id="checks">Checks and gates</h2>
    ${
      ends.length === 0
        ? ""
        : html`<dl>
            ${ends.map(
              ([check, end]) =>
                html`<dt>${check}</dt>
                  <dd>${result(end)}</dd> `,
            )}
          </dl> `
    }${manifest.gates === undefined ? "" : gatesList(manifest.gates)}${
      attested.length === 0
        ? ""
        : html`<p>Attested with the release:</p>
            <ul>
              ${attested.map(
                ({ check, predicateType, statement }) =>
                  html`<li>
                    <a href="${to(poolKey(statement))}"
                      >${check === undefined ? predicateType : `results of ${check}`}</a
                    >
                    <small>${predicateType}</small>
                  </li> `,
              )}
            </ul> `
    }${
      later.length === 0
        ? ""
        : html`<p>Attested later:</p>
            <ul>
              ${later.map(
                ({ type, digest, time }) =>
                  html`<li><a href="${to(attestationKey(digest))}">${type}</a> ${dayOf(time)}</li> `,
              )}
            </ul> `
    }`;
}

function sboms({ manifest, components, to }: Shown): Html {
  const parts = manifest.artifacts.map((artifact, place) => {
    const found = components[place];
    const table = componentsTable(artifact, found, to(poolKey(artifact.sbom)));
    const count = found === undefined ? "" : `, ${counted(found.count, "component")}`;
    const open = place === 0 && found !== undefined && found.count <= 30 ? html` open` : undefined;
    return html`<details${open}><summary>${artifact.name}${count}</summary>
${table}
</details>
`;
  });
  return html`<h2 id="sbom">SBOM</h2>
    ${parts}`;
}

function activation({ activate }: Manifest): Html | undefined {
  const all = Object.entries(activate);
  if (all.length === 0) return undefined;
  const items = all.map(
    ([artifact, { with: activator }]) =>
      html`<li>
        <code>kiln-deploy</code> puts ${artifact} into service with the activator <code>${activator}</code>
      </li> `,
  );
  return html`<h2 id="activation">Activation</h2>
    <ul>
      ${items}
    </ul>`;
}

function proof(
  { name, row, leaf, place, to }: Pick<Shown, "name" | "row" | "leaf" | "place" | "to">,
  contents: Contents | undefined,
): Html {
  const order = contents && recordOrder(contents.manifest);
  const first = row.leaf - leaf.entries;
  const records =
    order === undefined
      ? undefined
      : html`<dt>Its signatures</dt>
          <dd>
            entries ${first} to ${row.leaf - 1}: of each artifact and its SBOM, of the
            provenance${order.count > order.provenance + 1 ? ", of the attestations" : ""}
          </dd> `;
  const document = keys.release(name, row.version);
  return html`<h2 id="proof">Proof</h2>
    <dl>
      <dt>Log</dt>
      <dd>${place.origin}</dd>
      <dt>Log index</dt>
      <dd>${row.leaf}</dd>
      ${records}
      <dt>Tree size</dt>
      <dd>${row.leaf + 1} or more: every <a href="${to(keys.checkpoint)}">checkpoint</a> of that size includes it</dd>
      <dt>Inclusion proof</dt>
      <dd>
        <a href="${to(document)}">${document}</a>: the entry, the hashes that lead to the root, and a signed checkpoint
      </dd>
      <dt>Signatures</dt>
      <dd>${blob({ to }, { sha256: leaf.signatures, file: signaturesFile })}</dd>
    </dl>
    ${stepOf({
      text: "Check the entry, everything that it names, and every artifact, with the trust file that you pinned; a copy of the store on a disk will do in place of the address:",
      lines: [`kiln verify ${word(`${name}@${row.version}`)} --store ${word(place.url)} --trust trust.json`],
    })}`;
}
