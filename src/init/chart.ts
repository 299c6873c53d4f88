// Chart.yaml: a Helm chart.

import { parse, YAMLParseError } from "yaml";
import { z } from "zod";

import type { Finding } from "./finding.ts";
import type { Folder } from "./folder.ts";

const chartSchema = z.looseObject({ name: z.string(), version: z.string() });

export function lookAtChart(folder: Folder): Finding | undefined {
  const file = folder.files.find((path) => /^(?:(?:charts?|helm|deploy)\/)?(?:[^/]+\/)?Chart\.yaml$/.test(path));
  const parsed = file === undefined ? undefined : chartSchema.safeParse(parseYaml(folder.text(file) ?? ""));
  if (file === undefined || parsed?.success !== true) return undefined;
  const from = file.replace(/\/?Chart\.yaml$/, "") || ".";
  return {
    file,
    saw: `the chart ${parsed.data.name}`,
    name: parsed.data.name,
    version: { yaml: `{ from: manifest, file: ${JSON.stringify(`FOLDER/${file}`)} }` },
    artifacts: [{ name: "chart", spec: { kind: "chart", from } }],
  };
}

function parseYaml(text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof YAMLParseError || error instanceof ReferenceError) return undefined;
    throw error;
  }
}
