// The control file of a .deb. Values come from a recipe: each is one line, but the description, whose further lines are
// folded, so that no value can add a field. Spec: deb-control(5), Debian Policy 5.

import { KilnError } from "../../errors.ts";
import type { PackJob } from "../kind.ts";
import { relationList } from "./relation.ts";
import { type DebSpec, packageName } from "./shape.ts";

export interface Facts {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  /** KiB. */
  readonly installedSize: number;
  /** What is needed beside what the recipe says. */
  readonly depends: readonly string[];
}

/** The package's name. Throws ARTIFACT_INVALID when the release's is none that Debian allows. */
export function packageNameOf(spec: DebSpec, job: Pick<PackJob, "artifact" | "release">): string {
  const name = packageName.safeParse(spec.package ?? job.release.name);
  if (name.success) return name.data;
  throw new KilnError("ARTIFACT_INVALID", `${job.artifact}: got ${job.release.name}, want a Debian package name`, {
    hint: "set `package`: a-z, 0-9 and + - ., at least two characters",
  });
}

/** The fields, in the order in which they are written. */
export function fieldsOf(spec: DebSpec, facts: Facts): Record<string, string> {
  const list = (relations: readonly string[] | undefined) => relationList(relations ?? [], facts.version);
  const fields: Record<string, string | undefined> = {
    Package: facts.name,
    Version: facts.version,
    Section: spec.section,
    Priority: spec.priority,
    Architecture: facts.architecture,
    // The field's absence says `no`.
    "Multi-Arch": spec.multiArch === "no" ? undefined : spec.multiArch,
    Maintainer: spec.maintainer,
    "Installed-Size": String(facts.installedSize),
    "Pre-Depends": list(spec.preDepends),
    Depends: list([...(spec.depends ?? []), ...facts.depends]),
    Recommends: list(spec.recommends),
    Suggests: list(spec.suggests),
    Enhances: list(spec.enhances),
    Breaks: list(spec.breaks),
    Conflicts: list(spec.conflicts),
    Replaces: list(spec.replaces),
    Provides: list(spec.provides),
    Homepage: spec.homepage,
    Description: foldDescription(describe(spec.description ?? "Files of a release", facts.name)),
  };
  return Object.fromEntries(
    Object.entries(fields).filter((field): field is [string, string] => field[1] !== undefined),
  );
}

/** `Name: value` lines, as deb-control(5) has them. */
export function controlText(fields: Readonly<Record<string, string>>): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}: ${value}\n`)
    .join("");
}

/** With more than a synopsis, which Debian wants. */
function describe(text: string, name: string): string {
  return text.trim().includes("\n") ? text : `${text.trim()}\nThis package contains ${name}.`;
}

/**
 * A description as a field's value: the first line, then indented ones; an empty line is ` .`. Lines that begin with a dot are
 * reserved, so one of text is shown as it is, behind another blank.
 */
function foldDescription(text: string): string {
  const [first = "", ...rest] = text.trimEnd().split("\n");
  return [first.trim(), ...foldText(rest.join("\n").replaceAll(/^\.(?=.*\S)/gm, " ."))].join("\n");
}

/** Lines as a field's further lines. */
export function foldText(text: string): string[] {
  if (text === "") return [];
  return text
    .trimEnd()
    .split("\n")
    .map((line) => (line.trim() === "" ? " ." : ` ${line.trimEnd()}`));
}
