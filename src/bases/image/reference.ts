// How a recipe names an image: always by digest, so that a name says where it is and nothing more.

import { z } from "zod";

import type { Digest } from "../../artifact/digest.ts";

export interface ImageReference {
  /** `registry`: the digest is of a manifest or an index there. `oci`: of one in a layout. `archive`: of the file. */
  readonly from: "registry" | "oci" | "archive";
  /** `host/name` without a tag, or a path. */
  readonly place: string;
  readonly sha256: Digest;
}

const forms = {
  archive: /^docker-archive:(?<place>[^@\0]{1,1000})@sha256:(?<sha256>[0-9a-f]{64})$/,
  oci: /^oci:(?<place>[^@\0]{1,1000})@sha256:(?<sha256>[0-9a-f]{64})$/,
  registry:
    /^(?:docker:\/\/)?(?<place>[A-Za-z0-9.-]+(?::\d{1,5})?(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)+)(?::[\w.-]{1,128})?@sha256:(?<sha256>[0-9a-f]{64})$/,
} as const;

export const imageReferenceSchema = z.string().transform((text, context): ImageReference => {
  for (const [from, form] of Object.entries(forms)) {
    const { place, sha256 } = form.exec(text)?.groups ?? {};
    if (place !== undefined && sha256 !== undefined) return { from: from as ImageReference["from"], place, sha256 };
  }
  const message = "HOST/NAME@sha256:…, oci:FOLDER@sha256:… or docker-archive:FILE@sha256:…, with 64 hex digits";
  context.addIssue({ code: "custom", message });
  return z.NEVER;
});
