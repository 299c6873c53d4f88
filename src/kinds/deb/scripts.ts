// Maintainer scripts: those of the repository, combined with the lines that units, users and owners need. dpkg runs them
// with `set -e` in mind: a line of ours that fails says so, but for units, whose failure isn't the installation's (as in
// Debian). Spec: Debian Policy 6, deb-systemd-helper(1p), systemd-sysusers(8), dpkg-statoverride(1).

import { KilnError } from "../../errors.ts";

export const scriptNames = ["preinst", "postinst", "prerm", "postrm"] as const;
export type ScriptName = (typeof scriptNames)[number];

/** Lines for one script: those that must be done before what the package's own script does, and those after it. */
export interface Lines {
  readonly before?: readonly string[];
  readonly after?: readonly string[];
}

export type ScriptLines = Readonly<Partial<Record<ScriptName, Lines>>>;

/** The script's text; undefined when there is nothing to run. `own`: of the repository. Throws ARTIFACT_INVALID. */
export function scriptText(
  name: ScriptName,
  {
    own,
    lines,
    artifact,
  }: { readonly own: string | undefined; readonly lines: readonly Lines[]; readonly artifact: string },
): string | undefined {
  const before = lines.flatMap((one) => one.before ?? []);
  const after = lines.flatMap((one) => one.after ?? []);
  if (own === undefined) {
    const all = [...before, ...after];
    return all.length === 0 ? undefined : ["#!/bin/sh", "set -e", ...all, ""].join("\n");
  }
  const wrong = (got: string, hint: string): KilnError =>
    new KilnError("ARTIFACT_INVALID", `${artifact}: ${name}: got ${got}`, { hint });
  const [first = "", ...rest] = own.replaceAll("\r\n", "\n").split("\n");
  if (!first.startsWith("#!")) throw wrong("a script without #! on its first line", "let it start with #!/bin/sh");
  const places = rest.filter((line) => line.trim() === token).length;
  if (before.length + after.length === 0) return [first, ...rest.filter((line) => line.trim() !== token)].join("\n");
  if (!/^#! ?\/(?:usr\/)?bin\/(?:env )?(?:sh|bash|dash)(?: |$)/.test(first)) {
    throw wrong(
      `a script for ${first.slice(2).trim()}, want one for /bin/sh`,
      "units, users and owners need lines of shell in it",
    );
  }
  if (places > 1) throw wrong(`${places} lines ${token}, want one`, "leave one where Kiln's lines belong");
  if (places === 1) {
    return [first, ...rest.flatMap((line) => (line.trim() === token ? [...before, ...after] : [line]))].join("\n");
  }
  // What follows would never run.
  if (after.length > 0 && rest.some((line) => /^(?:exit|exec)\b/.test(line))) {
    throw wrong(
      "an `exit` at its top level, after which nothing can be added",
      `remove it, or write a line ${token} before it, where Kiln's lines belong`,
    );
  }
  return [first, ...guarded(before, own), ...rest.join("\n").trimEnd().split("\n"), ...after, ""].join("\n");
}

/** The script's own `set -e` comes after these lines, if it has one. */
function guarded(lines: readonly string[], own: string): string[] {
  if (lines.length === 0) return [];
  return /^#!.* -e|^set -[a-z]*e/m.test(own) ? ["set -e", ...lines] : ["set -e", ...lines, "set +e"];
}

/** debhelper's name for the same thing, so that scripts of a debian/ folder work as they are. */
const token = "#DEBHELPER#";

/** `body` when the package is configured: after an installation or an upgrade, or when one was called off. */
export function whenConfigured(body: readonly string[]): string[] {
  return [
    'case "$1" in',
    "configure | abort-upgrade | abort-deconfigure | abort-remove)",
    ...indented(body),
    "  ;;",
    "esac",
  ];
}

export function indented(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}

/** One word of shell. */
export function quoted(text: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
