// The spec file for rpmbuild. To rpmbuild a spec is a program: what comes from a recipe or a file name must stay text in it.
// `%` is written as a macro that gives `%`, so that nothing after it is read as one; values are one line; scripts are files
// of their own, which rpmbuild doesn't search for sections; file names are quoted, and matched where quotes don't help.
// Whether it came out as meant is checked in the package that was made.

import type { Placed } from "../system-package/files.ts";
import { modeOf } from "../system-package/tree.ts";
import type { Scriptlet } from "./scripts.ts";
import { type RpmSpec, relationTags } from "./shape.ts";

export interface SpecFile {
  readonly name: string;
  readonly epoch: number | undefined;
  readonly version: string;
  readonly release: string;
  readonly summary: string;
  readonly description: string;
  readonly spec: RpmSpec;
  /** What must be there before a script runs, as in `pre` → `/usr/sbin/useradd`. */
  readonly scriptRequires: readonly (readonly [script: string, what: string])[];
  readonly scriptlets: readonly Scriptlet[];
  /** Where the text of a scriptlet lies, as rpmbuild sees it. */
  readonly fileOf: (scriptlet: Scriptlet) => string;
  /** What the package has of its own: folders that a system has anyway aren't among it. */
  readonly owned: readonly Placed[];
  readonly config: ReadonlySet<string>;
}

export function specText(file: SpecFile): string {
  const { spec } = file;
  const tag = (name: string, value: string | undefined): string[] =>
    value === undefined ? [] : [`${name}: ${escaped(value)}`];
  return [
    "%define kiln_percent %%",
    ...tag("Name", file.name),
    ...tag("Epoch", file.epoch === undefined ? undefined : String(file.epoch)),
    ...tag("Version", file.version),
    ...tag("Release", file.release),
    ...tag("Summary", file.summary),
    ...tag("License", spec.license),
    ...tag("Group", spec.group),
    ...tag("URL", spec.url),
    ...tag("Vendor", spec.vendor),
    ...tag("Packager", spec.packager),
    ...(spec.automatic ? [] : ["AutoReqProv: no"]),
    ...relationTags.flatMap((name) =>
      spec[name].flatMap((relation) => tag(name[0]?.toUpperCase() + name.slice(1), relation)),
    ),
    ...file.scriptRequires.flatMap(([script, what]) => tag(`Requires(${script})`, what)),
    ...(Object.keys(spec.units).length === 0
      ? []
      : ["post", "preun", "postun"].map((script) => `OrderWithRequires(${script}): systemd`)),
    "",
    "%description",
    escaped(file.description),
    "",
    ...file.scriptlets.map((one) => `%${one.name} -p ${one.interpreter} -f ${escaped(file.fileOf(one))}`),
    "",
    "%files",
    ...file.owned.map((entry) => fileLine(entry, file.config.has(entry.at))),
    "",
  ].join("\n");
}

/** Text that rpmbuild gives back as it was. */
export function escaped(text: string): string {
  return text.replaceAll("%", "%{kiln_percent}");
}

function fileLine(entry: Placed, isConfig: boolean): string {
  const [user = "root", group = user] = (entry.owner ?? "root").split(":");
  const mode = entry.type === "link" ? "-" : modeOf(entry).toString(8).padStart(4, "0");
  const flags = [
    `%attr(${mode}, ${user}, ${group})`,
    ...(entry.type === "folder" ? ["%dir"] : []),
    ...(isConfig ? ["%config(noreplace)"] : []),
  ];
  return `${flags.join(" ")} ${fileName(entry.at)}`;
}

/**
 * The path in quotes, which end at the next quote, whatever is between; backslashes and braces have a meaning inside, and
 * what is left of `%` is read as a macro once more. Where one of these or a character of patterns is in it, it is a pattern,
 * in which `?` stands for each of them; and a pattern is cut at spaces, and loses quotes.
 */
function fileName(at: string): string {
  return /[[*?"\\{}%]/.test(at) ? `"/${at.replace(/[*?[\]"'\\{}% ]/g, "?")}"` : `"/${at}"`;
}
