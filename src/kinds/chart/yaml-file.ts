// The YAML files of a chart: read, changed in a few places, and written with their comments and their order.

import { lstatSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { type Document, isMap, parseDocument } from "yaml";

import { KilnError } from "../../errors.ts";

/** Larger ones Helm doesn't read. */
const largest = 5 * 1024 * 1024;

export interface YamlFile {
  readonly document: Document;
  /** As a person finds it. */
  readonly where: string;
}

/** A mapping; `undefined` when there is no such file. `artifact`: what the recipe calls it. Throws ARTIFACT_INVALID. */
export function readYaml(folder: string, name: string, artifact: string): YamlFile | undefined {
  const path = join(folder, name);
  const where = `${artifact}: ${name}`;
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return undefined;
  if (!stats.isFile()) throw invalid(where, "got something else than a file");
  if (stats.size > largest) throw invalid(where, `got ${stats.size} bytes, want at most ${largest}`);
  return { document: parseYaml(readFileSync(path, "utf8"), where), where };
}

/** Throws ARTIFACT_INVALID. */
export function parseYaml(text: string, where: string): Document {
  const document = parseDocument(text, { prettyErrors: true });
  const [error] = document.errors;
  if (error !== undefined) throw invalid(where, `got ${error.message.split("\n")[0]}`);
  if (document.contents !== null && !isMap(document.contents)) throw invalid(where, "got no mapping at its top");
  try {
    document.toJS({ maxAliasCount: 100 });
  } catch (cause) {
    throw invalid(where, "got more aliases than anybody means", cause);
  }
  return document;
}

/** Long lines stay as they are. */
export function yamlText(document: Document): string {
  return document.toString({ lineWidth: 0 });
}

/** Throws ARTIFACT_INVALID: something else than a mapping is on the way. */
export function setAt({ document, where }: YamlFile, path: readonly string[], value: unknown): void {
  for (const [at] of path.slice(0, -1).entries()) {
    const above = path.slice(0, at + 1);
    const found: unknown = document.getIn(above, true);
    if (found === undefined || isMap(found)) continue;
    // `image:` with nothing behind it is an empty mapping.
    if (document.getIn(above) === null) document.setIn(above, document.createNode({}));
    else
      throw invalid(
        where,
        `got a value at ${above.join(".")}, want a mapping that has ${path.slice(at + 1).join(".")}`,
      );
  }
  document.setIn(path, value);
}

export function invalid(where: string, problem: string, cause?: unknown): KilnError {
  return new KilnError("ARTIFACT_INVALID", `${where}: ${problem}`, {
    hint: "`helm lint` says what Helm thinks of it",
    cause,
  });
}
