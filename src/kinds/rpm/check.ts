// Whether rpmbuild made the package that the recipe describes: every value, script, relation and file, read back from the
// header. What it would take for something else than text, whatever the reason, never becomes a package.

import { KilnError } from "../../errors.ts";
import { modeOf } from "../system-package/tree.ts";
import { pathsOf, type RpmFile } from "./package-file.ts";
import { type Relation, relationsOf } from "./record.ts";
import type { Scriptlet } from "./scripts.ts";
import { relationTags, scriptNames } from "./shape.ts";
import type { SpecFile } from "./spec-file.ts";
import { fileFlags, tags } from "./tags.ts";

type Header = RpmFile["header"];

/** Throws ARTIFACT_INVALID. */
export function checkPackage(header: Header, wanted: SpecFile, artifact: string): void {
  const { spec } = wanted;
  const differ = (what: string, got: unknown, want: unknown): void => {
    if (JSON.stringify(got) === JSON.stringify(want)) return;
    throw new KilnError(
      "ARTIFACT_INVALID",
      `${artifact}: ${what}: got ${shown(got)} from rpmbuild, want ${shown(want)}`,
      { hint: "rpmbuild has a meaning of its own for something in it: write it in another way" },
    );
  };
  differ("name", header.text(tags.name), wanted.name);
  differ("epoch", header.numbers(tags.epoch)[0], wanted.epoch);
  differ("version", header.text(tags.version), wanted.version);
  for (const [what, want] of [
    ["release", wanted.release],
    ["license", spec.license],
    ["url", spec.url],
    ["vendor", spec.vendor],
    ["packager", spec.packager],
    // Without one rpmbuild has a word of its own.
    ["group", spec.group ?? header.text(tags.group)],
    ["summary", wanted.summary],
    ["description", wanted.description],
  ] as const) {
    differ(what, header.text(tags[what]), want);
  }
  for (const sort of relationTags) {
    const got = new Set(relationsOf(header, sort).map((one) => relationText(one)));
    const absent = spec[sort].find((relation) => !relation.startsWith("(") && !got.has(relation));
    differ(sort, absent === undefined ? [] : [...got], absent === undefined ? [] : [absent]);
  }
  for (const name of scriptNames)
    differ(
      `scripts: ${name}`,
      scriptIn(header, name),
      wanted.scriptlets.find((one) => one.name === name),
    );
  checkFiles(header, wanted, differ);
}

function scriptIn(header: Header, name: Scriptlet["name"]): Scriptlet | undefined {
  const text = header.text(tags[name]);
  if (text === undefined) return undefined;
  return { name, interpreter: header.text(tags[`${name}Program`]) ?? "", text: `${text.replace(/\n$/, "")}\n` };
}

const operators: Readonly<Record<string, string>> = { LT: "<", GT: ">", EQ: "=", LE: "<=", GE: ">=" };

function relationText({ name, flags, version }: Relation): string {
  return flags === undefined ? name : `${name} ${operators[flags]} ${version}`;
}

const types = { file: 0o100000, folder: 0o040000, link: 0o120000 } as const;

function checkFiles(
  header: Header,
  { owned, config }: SpecFile,
  differ: (what: string, got: unknown, want: unknown) => void,
): void {
  const modes = header.numbers(tags.fileModes);
  const flags = header.numbers(tags.fileFlags);
  const users = header.texts(tags.fileUsers);
  const groups = header.texts(tags.fileGroups);
  const got = new Map(
    pathsOf(header).map((path, at) => [
      path,
      `${(modes[at] ?? 0).toString(8)} ${users[at]}:${groups[at]}${((flags[at] ?? 0) & fileFlags.config) === 0 ? "" : " config"}`,
    ]),
  );
  for (const entry of owned) {
    const [user = "root", group = user] = (entry.owner ?? "root").split(":");
    const mode = (types[entry.type] | modeOf(entry)).toString(8);
    differ(`/${entry.at}`, got.get(`/${entry.at}`), `${mode} ${user}:${group}${config.has(entry.at) ? " config" : ""}`);
  }
  differ("files", got.size, owned.length);
}

function shown(value: unknown): string {
  const text = value === undefined ? "nothing" : JSON.stringify(value);
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
