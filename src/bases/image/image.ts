// A base that is a container image: from a registry, an OCI layout or what `docker save` wrote, always by digest. skopeo
// fetches, umoci unpacks; what a folder or file holds is checked against the digest here.

import { z } from "zod";

import { digestOf } from "../../artifact/digest.ts";
import { canonicalBytes } from "../../artifact/json.ts";
import { debianName } from "../../system/architecture.ts";
import type { Base } from "../base.ts";
import { type ImageReference, imageReferenceSchema } from "./reference.ts";

const schema = z.strictObject({
  image: imageReferenceSchema.describe(
    "`HOST/NAME@sha256:…` in a registry, `oci:FOLDER@sha256:…` (an OCI layout) or `docker-archive:FILE@sha256:…` (what `docker save` wrote); paths from the repository's top. The digest is the manifest's or the index's; of a docker-archive, the file's.",
  ),
});

/** One more whenever the same image would be made into another root. */
const layout = 1;

export const image: Base<typeof schema> = {
  name: "image",
  summary: "A container image, by digest.",
  schema,
  resolve({ image: reference }, { folder }) {
    const architecture = debianName(process.arch);
    const { sha256, from } = reference;
    return Promise.resolve({
      title: `image ${titleOf(reference)}`,
      digest: digestOf(canonicalBytes({ layout, from, sha256, architecture })),
      materials: [{ name: titleOf(reference), ...uriOf(reference), sha256 }],
      hasOwnClock: false,
      howToAdd: (name) => `use an image that has it, as the Debian package ${name} brings it`,
      async make(job) {
        const { makeImage } = await import("./make.ts");
        await makeImage(reference, { ...job, repository: folder });
      },
    });
  },
};

function titleOf({ place, sha256 }: ImageReference): string {
  return `${place}@sha256:${sha256.slice(0, 12)}`;
}

/** A package URL, for what others can fetch too. */
function uriOf({ from, place, sha256 }: ImageReference): { uri?: string } {
  if (from !== "registry") return {};
  const name = place.slice(place.lastIndexOf("/") + 1);
  return { uri: `pkg:oci/${name}@sha256:${sha256}?repository_url=${encodeURIComponent(place)}` };
}
