// The components that an SBOM names, as far as a person reads them: name, version, licence. Whoever baked wrote it: what isn't of
// this form is no component, and the file itself is there for whoever wants all of it.

import { z } from "zod";

import type { Artifact } from "../../artifact/manifest.ts";
import { tableOf } from "./html-table.ts";
import { type Html, html } from "./html.ts";

export interface Components {
  /** Those that are shown. */
  readonly shown: readonly Component[];
  readonly count: number;
  /** What the SBOM says of being complete; undefined: nothing. */
  readonly aggregate: string | undefined;
}

const licenseSchema = z.union([
  z.looseObject({ expression: z.string() }).transform(({ expression }) => expression),
  z
    .looseObject({ license: z.looseObject({ id: z.string().optional(), name: z.string().optional() }) })
    .transform(({ license }) => license.id ?? license.name),
]);

const componentSchema = z.looseObject({
  name: z.string(),
  group: z.string().optional(),
  version: z.string().optional(),
  purl: z.string().optional(),
  licenses: z.array(licenseSchema).optional().catch(undefined),
});

type Component = z.output<typeof componentSchema>;

const sbomSchema = z.looseObject({
  components: z.array(componentSchema.optional().catch(undefined)).optional(),
  compositions: z
    .array(z.looseObject({ aggregate: z.string() }))
    .optional()
    .catch(undefined),
});

/** More than that nobody reads on a page. */
const mostComponents = 500;

/** `undefined`: it isn't CycloneDX JSON. */
export function componentsOf(sbom: Uint8Array): Components | undefined {
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(sbom).toString("utf8"));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  const parsed = sbomSchema.safeParse(json);
  if (!parsed.success) return undefined;
  const all = (parsed.data.components ?? []).filter((one) => one !== undefined);
  return {
    shown: all.slice(0, mostComponents),
    count: all.length,
    aggregate: parsed.data.compositions?.[0]?.aggregate,
  };
}

/** A table of what an artifact is made of. `address`: of the whole SBOM. */
export function componentsTable(artifact: Artifact, components: Components | undefined, address: string): Html {
  const file = html`<a href="${address}">${artifact.sbom.file}</a>`;
  if (components === undefined) return html`<p>${file} can't be read as CycloneDX JSON.</p>`;
  const { shown, count, aggregate } = components;
  const whole = aggregate === undefined || aggregate === "complete" ? "" : ` It calls itself ${aggregate}.`;
  if (count === 0) return html`<p>It names no components.${whole} ${file} (CycloneDX)</p>`;
  const rows = shown.map(({ name, group, version = "", licenses = [], purl }) => {
    const title = purl === undefined ? undefined : html` title="${purl}"`;
    const full = group === undefined ? name : `${group}/${name}`;
    const terms = licenses.filter((one) => one !== undefined).join(", ");
    return html`<tr>
      <th scope="row" ${title}>${full}</th>
      <td>${version}</td>
      <td>${terms}</td>
    </tr> `;
  });
  const more = count > shown.length ? ` The first ${shown.length} of ${count} are shown.` : "";
  return tableOf(
    [{ text: "Component" }, { text: "Version" }, { text: "Licence" }],
    rows,
    html`${file} (CycloneDX).${whole}${more}`,
  );
}
