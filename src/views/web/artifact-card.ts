// An artifact on its release's page: its file and digest, what lies beside it, and lines to fetch and verify it without Kiln. What
// is retired has no links: they would lead nowhere.

import type { Artifact, Manifest } from "../../artifact/manifest.ts";
import { beside, besideAttestation, poolKey } from "../../artifact/pool.ts";
import { attestationsAbout } from "../../artifact/records.ts";
import type { Signatures } from "../../artifact/signatures.ts";
import { predicateTypes } from "../../artifact/statement.ts";
import { numbersOf } from "./gates.ts";
import { type Html, html } from "./html.ts";
import { type Place, stepOf } from "./install.ts";
import type { Components } from "./sbom.ts";
import type { ReleaseRow } from "./state.ts";
import { sizeOf, word } from "./text.ts";

/** What the pool has of a release. */
export interface Contents {
  readonly manifest: Manifest;
  readonly signatures: Signatures;
  /** Of each artifact, in the manifest's order; undefined: its SBOM can't be read. */
  readonly components: readonly (Components | undefined)[];
}

/** What a card needs to know of its release. */
export interface CardRelease extends Contents {
  readonly row: ReleaseRow;
  readonly place: Place & { readonly releaseKeys: readonly string[] };
  /** The address of a key. */
  readonly to: (key: string) => string;
}

export function artifactCard(release: CardRelease, artifact: Artifact, place: number): Html {
  const { row, to, signatures } = release;
  const { name, kind, platform, file, size, sha256, record } = artifact;
  const native = signatures.artifacts.find((one) => one.name === name)?.native;
  const numbers = numbersOf(record);
  // What is retired may be gone: a link must lead somewhere.
  const link = (key: string, text: string) =>
    row.retired === undefined ? html`<a href="${to(key)}">${text}</a>` : html`${text}`;
  return html`<article id="artifact-${place + 1}">
    <h3>${name} <small>${kind}${platform === "any" ? "" : `, ${platform}`}</small></h3>
    <dl>
      <dt>File</dt>
      <dd>${link(poolKey(artifact), file)}, ${sizeOf(size)}</dd>
      <dt>SHA-256</dt>
      <dd><span class="digest">${sha256}</span></dd>
      ${
        native === undefined
          ? ""
          : html`<dt>Signed for its client</dt>
              <dd>
                ${link(poolKey(native), native.file)}, ${sizeOf(native.size)}
                <span class="digest">${native.sha256}</span>
              </dd> `
      }${
        numbers === undefined
          ? ""
          : html`<dt>Says</dt>
              <dd>${numbers}</dd> `
      }
      <dt>Beside it</dt>
      <dd>${besideLinks(release, artifact, link)}</dd>
    </dl>
    ${row.retired === undefined ? verifyLines(release, artifact) : ""}
  </article> `;
}

function besideLinks({ manifest }: CardRelease, artifact: Artifact, link: (key: string, text: string) => Html): Html {
  const key = poolKey(artifact);
  const items = [
    link(key + beside.openpgp, "OpenPGP signature"),
    link(key + beside.signature, "Sigstore bundle"),
    link(key + beside.provenance, manifest.imported === undefined ? "provenance" : "statement of the import"),
    link(key + beside.sbom, "SBOM attestation"),
    ...attestationsAbout(manifest, artifact.name).map(({ check, predicateType }, at) =>
      link(key + besideAttestation(at), check === undefined ? predicateType : `results of ${check}`),
    ),
  ];
  return html`<ul class="inline">
    ${items.map((item) => html`<li>${item}</li>`)}
  </ul>`;
}

/** With the keys from the store they say that nothing was damaged; with pinned ones, that nobody changed anything. */
function verifyLines({ manifest, place, signatures }: CardRelease, artifact: Artifact): Html {
  const { url, releaseKeys } = place;
  const file = word(artifact.file);
  const at = releaseKeys.indexOf(signatures.publicKey);
  const pem = `release-${at + 1}.pem`;
  const ends = [beside.openpgp, beside.signature, beside.provenance, beside.sbom];
  const fetch = [
    `file=${word(url + poolKey(artifact))}`,
    `for end in "" ${ends.join(" ")}; do curl -fsSLO "$file$end"; done`,
  ];
  const isBaked = manifest.imported === undefined;
  const statement = isBaked ? "slsaprovenance1" : predicateTypes.import;
  const trust = `--key ${pem} --trusted-root trusted_root.json`;
  const cosign = [
    `curl -fsSLO ${word(`${url}trust/${pem}`)}`,
    `curl -fsSLO ${word(`${url}trust/trusted_root.json`)}`,
    `cosign verify-blob ${trust} --bundle ${word(artifact.file + beside.signature)} ${file}`,
    `cosign verify-blob-attestation ${trust} --type ${statement} --bundle ${word(artifact.file + beside.provenance)} ${file}`,
    `cosign verify-blob-attestation ${trust} --type cyclonedx --bundle ${word(artifact.file + beside.sbom)} ${file}`,
  ];
  const steps = [
    {
      text: "Fetch it with what lies beside it, and compare its digest:",
      lines: [...fetch, `echo "${artifact.sha256}  "${file} | sha256sum -c`],
    },
    {
      text: "Verify its signature, with the key in binary form:",
      lines: [
        `curl -fsSLO ${word(`${url}trust/openpgp.gpg`)}`,
        `gpgv --keyring ./openpgp.gpg ${word(artifact.file + beside.openpgp)} ${file}`,
      ],
    },
    { text: "Or with sqv:", lines: [`sqv --keyring openpgp.gpg ${word(artifact.file + beside.openpgp)} ${file}`] },
    ...(at < 0
      ? []
      : [
          {
            text: `Signature, log entry, ${isBaked ? "provenance" : "statement"} and SBOM, with cosign 3:`,
            lines: cosign,
          },
        ]),
    {
      text: "All of it at once, and offline, with the trust file that you pinned:",
      lines: [`kiln verify ${file} --trust trust.json`],
    },
  ];
  return html`<details>
    <summary>Download and verify</summary>
    ${steps.map(stepOf)}
    <p>
      Keys from the store show that nothing was damaged. Compare them with what somebody you trust told you, and they
      show that nobody changed anything.
    </p>
  </details>`;
}
