// The list of a channel's projects. It follows from the projects' pages: who has a file there, stands here. Spec: PEP 503, PEP 691.

import { z } from "zod";

import { canonicalBytes, parseStored } from "../../artifact/json.ts";
import { KilnError } from "../../errors.ts";
import { htmlPage, link } from "./html.ts";
import { apiVersion, rebuildHint } from "./layout.ts";

const listSchema = z.strictObject({
  meta: z.strictObject({ "api-version": z.literal(apiVersion) }),
  projects: z.array(z.strictObject({ name: z.string().regex(/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/) })),
});

/** In order. */
export type Projects = readonly string[];

export function listBytes(projects: Projects): Uint8Array {
  return canonicalBytes({ meta: { "api-version": apiVersion }, projects: projects.map((name) => ({ name })) });
}

/** Throws STORE_CORRUPT, which names `key`. */
export function parseList(bytes: Uint8Array, key: string): Projects {
  const result = listSchema.safeParse(parseStored(bytes, key, rebuildHint));
  if (result.success) return result.data.projects.map(({ name }) => name);
  throw new KilnError("STORE_CORRUPT", `${key}: ${z.prettifyError(result.error)}`, { hint: rebuildHint });
}

export function listHtml(channel: string, projects: Projects): Buffer {
  return htmlPage({ title: `projects in ${channel}`, links: projects.map((name) => link(`${name}/`, name)) });
}
