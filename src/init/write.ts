// The text of a proposed recipe: what the findings say, in the order in which a bake takes it, with comments for a reader who
// has never seen one. Paths become relative to the repository, and commands enter the project's folder.

import { posix } from "node:path";

import { stringify } from "yaml";

import { nameSchema } from "../artifact/name.ts";
import { channelLines, type Refs, tagPrefix } from "./channels.ts";
import { type Finding, type Line, type ProposedArtifact, shellWord } from "./finding.ts";
import { fittingArtifact } from "./fitting.ts";
import type { Folder } from "./folder.ts";

export interface Proposal {
  readonly text: string;
  readonly name: string;
  readonly artifacts: readonly { readonly name: string; readonly kind: string }[];
}

/** Findings go in their order: the first that says a name or a version decides it. */
export function writeRecipe(folder: Folder, findings: readonly Finding[], refs: Refs): Proposal {
  const name = releaseName(findings.find((finding) => finding.name !== undefined)?.name ?? folder.name);
  const fitting = findings.flatMap((finding) => finding.artifacts ?? []).map(fittingArtifact);
  const artifacts = named(fitting.flatMap(({ artifact }) => artifact ?? []));
  const left = fitting.flatMap((one) => one.left);
  const files = findings.map(({ file }) => (file === "." ? "this folder" : file)).join(", ");
  const parts = [
    `# How Kiln bakes ${name}: \`kiln plan\` shows it, \`kiln bake\` does it. docs/recipe.md has every key.\n` +
      `# Written by \`kiln init\` after a look at ${files}: read it, and correct what a look can't tell.\n` +
      `kiln: 1\nname: ${flow(name)}`,
    versionPart(folder, findings, refs),
    stepsPart("fetch", "With the network, before all else. What this gets must be pinned.", findings, folder),
    stepsPart("build", "Without the network, under a fixed clock.", findings, folder),
    checksPart(findings, folder),
    ["artifacts:", ...artifacts.flatMap((artifact) => artifactLines(artifact, folder.prefix))].join("\n"),
    [
      "# The first rule that fits: a commit on a branch publishes to its channel, a tag to another.",
      "channels:",
      ...channelLines(refs),
    ].join("\n"),
    ...findings.flatMap(({ notes = [] }) => notes).map((note) => comment(note)),
    ...(left.length === 0
      ? []
      : [comment(`Left out, because no package could hold it:\n${left.map((one) => `  ${one}`).join("\n")}`)]),
  ];
  return {
    text: `${parts.filter((part) => part !== "").join("\n\n")}\n`.replaceAll(invisible, "\ufffd"),
    name,
    artifacts: artifacts.map((artifact) => ({ name: artifact.name, kind: artifact.spec.kind })),
  };
}

/** What no recipe may hold, as `recipe/yaml.ts` has it: in a comment it may hide something. */
const invisible =
  // oxlint-disable-next-line no-control-regex -- these are what is looked for
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu;

/** The nearest text that may name a release. */
export function releaseName(text: string): string {
  const plain = text
    .toLowerCase()
    .normalize("NFKD")
    .replaceAll(/[^a-z0-9._+-]+/g, "-")
    .replaceAll(/\.{2,}/g, ".")
    .slice(0, 100);
  const trimmed = plain.replace(/^[^a-z0-9]+/, "").replace(/[^a-z0-9+]+$/, "");
  return nameSchema.safeParse(trimmed).success ? trimmed : "project";
}

/** Two findings may both propose a `package`. */
function named(artifacts: readonly ProposedArtifact[]): ProposedArtifact[] {
  const taken = new Set<string>();
  return artifacts.map((artifact) => {
    const base = releaseName(artifact.name);
    let name = base;
    for (let number = 2; taken.has(name); number += 1) name = `${base}-${number}`;
    taken.add(name);
    return { ...artifact, name };
  });
}

function versionPart(folder: Folder, findings: readonly Finding[], { tags }: Refs): string {
  const stated = findings.find(({ version }) => version !== undefined)?.version;
  const prefix = tagPrefix(tags);
  const entry = (yaml: string) => `version: ${yaml.replaceAll("FOLDER/", folder.prefix)}`;
  if (stated?.only === true) return [...comments(stated.note), entry(stated.yaml)].join("\n");
  if (prefix !== undefined) {
    const other = stated === undefined ? "" : ` Or as the project has it: ${entry(stated.yaml)}`;
    return [
      ...comments(`The tag on the commit; a commit between tags gets a version between theirs.${other}`),
      entry(prefix === "v" ? "{ from: tag }" : `{ from: tag, prefix: ${JSON.stringify(prefix)} }`),
    ].join("\n");
  }
  if (stated !== undefined) {
    const line = /^\d+\.\d+(?=\.\d+$)/.exec(stated.now ?? "")?.[0] ?? "1.0";
    const next = `A store keeps each version once: with { from: next, line: "${line}.*" } every commit gets its own.`;
    return [...comments(stated.note), ...comments(next), entry(stated.yaml)].join("\n");
  }
  const none =
    "No file here says it, and there is no tag yet (git tag v0.1.0): until then versions are 0.0.0-0.dev.N.gCOMMIT.";
  return [...comments(none), entry("{ from: tag }")].join("\n");
}

function stepsPart(key: "fetch" | "build", what: string, findings: readonly Finding[], folder: Folder): string {
  const lines = findings.flatMap((finding) => finding[key] ?? []);
  if (lines.length === 0) return "";
  const steps = lines.flatMap((line) => [...comments(line.note, "  "), `  - ${flow(commandIn(folder, line))}`]);
  return [`# ${what}`, `${key}:`, ...steps].join("\n");
}

function checksPart(findings: readonly Finding[], folder: Folder): string {
  const checks = findings.flatMap((finding) => finding.checks ?? []);
  if (checks.length === 0) return "";
  const names = named(checks.map(({ name }) => ({ name, spec: { kind: "" } }))).map(({ name }) => name);
  const lines = checks.flatMap((check, at) => [
    ...comments(check.note, "  "),
    `  - ${flow({ name: names[at], run: commandIn(folder, check) })}`,
  ]);
  return ["# Without the network, too. When one fails, nothing is published.", "checks:", ...lines].join("\n");
}

function commandIn({ prefix }: Folder, { run }: Line): string {
  return prefix === "" ? run : `cd ${shellWord(prefix.replace(/\/$/, ""))} && ${run}`;
}

/** On one line where that is easy to read. */
function artifactLines({ name, spec, note }: ProposedArtifact, prefix: string): string[] {
  const placed = placedIn(spec, prefix);
  const short = `  ${name}: ${flow(placed)}`;
  const lines =
    short.length <= 110 && !short.includes("\\n")
      ? [short]
      : stringify({ [name]: placed }, { lineWidth: 0 })
          .trimEnd()
          .split("\n")
          .map((line) => `  ${line}`.trimEnd());
  return [...comments(note, "  "), ...lines];
}

const fromTop = new Set(["npm", "wheel", "sdist", "chart"]);

function placedIn(spec: ProposedArtifact["spec"], prefix: string): Record<string, unknown> {
  const at = (path: unknown) => posix.join(prefix, String(path)).replace(/(?<=.)\/$/, "");
  const all = (paths: unknown) =>
    Object.fromEntries(Object.entries(paths as object).map(([key, path]) => [key, at(path)]));
  const placed = Object.entries(spec).flatMap(([key, value]): [string, unknown][] => {
    if (key === "from") return at(value) === "." && fromTop.has(spec.kind) ? [] : [[key, at(value)]];
    if (key === "files" || key === "control" || key === "units") return [[key, all(value)]];
    return [[key, key === "copyright" ? at(value) : value]];
  });
  const isPython = (spec.kind === "wheel" || spec.kind === "sdist") && prefix !== "";
  const locked = { requirements: at("build-requirements.txt"), wheelhouse: at("wheelhouse") };
  return { ...Object.fromEntries(placed), ...(isPython ? locked : {}) };
}

/** JSON is YAML, too, and never more than one line. */
function flow(value: unknown): string {
  const text = stringify(value, { collectionStyle: "flow", lineWidth: 0 }).trimEnd();
  return text.includes("\n") ? JSON.stringify(value) : text;
}

function comments(note: string | undefined, indent = ""): string[] {
  return note === undefined ? [] : [comment(note, indent)];
}

const width = 116;

/** Lines of a comment; words wrap, but not on lines that are indented or YAML themselves. */
function comment(note: string, indent = ""): string {
  const lines = note.split("\n").flatMap((line, at) => (at === 0 ? wrap(line, width - indent.length) : [line]));
  return lines.map((line) => `${indent}# ${line}`.trimEnd()).join("\n");
}

function wrap(text: string, longest: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < longest) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
