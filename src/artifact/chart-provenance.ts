// What a chart's .prov says, before it is signed: the chart's metadata and the digest of its package, in two YAML documents.
// It follows from the manifest alone. Spec: Helm's "Helm Provenance and Integrity".

import { canonicalText } from "./json.ts";
import type { Artifact } from "./manifest.ts";

export function chartProvenance({ file, sha256, record }: Pick<Artifact, "file" | "sha256" | "record">): string {
  // Its members in the order that they have in the manifest's file, whatever it is before that is written.
  const stored = JSON.parse(canonicalText(record)) as typeof record;
  const metadata = Object.entries(stored).map(
    ([key, value]) => `${isPlain(key) ? key : scalar(key)}: ${scalar(value)}\n`,
  );
  return `${metadata.join("")}\n...\nfiles:\n  ${file}: sha256:${sha256}\n`;
}

function scalar(value: unknown): string {
  return yamlOf(JSON.stringify(value));
}

/** JSON is YAML, but for the characters that only YAML takes for the end of a line. */
export function yamlOf(json: string): string {
  return json.replace(
    /[\u007f-\u009f\u2028\u2029\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** A key that YAML reads as the text that it is, as all of Helm's own are. */
function isPlain(key: string): boolean {
  return /^[a-z][A-Za-z]{3,}$/.test(key) && !["true", "false", "null"].includes(key);
}
