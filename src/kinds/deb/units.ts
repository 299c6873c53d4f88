// systemd units in a .deb, handled as Debian's own packages do it: enabled at the first installation unless the
// administrator said otherwise, started, restarted on upgrades, stopped before they are removed, and forgotten on purge.
// All of it asks for a running systemd first: in a chroot or a container nothing is started. Spec: dh_installsystemd(1).

import type { PackJob } from "../kind.ts";
import type { Placed } from "../system-package/files.ts";
import { readUnits } from "../system-package/units.ts";
import { indented, quoted, type ScriptLines, whenConfigured } from "./scripts.ts";
import type { DebSpec } from "./shape.ts";

/** Suites whose /lib may still be a folder of its own: there systemd looks for units in it alone. */
const unmerged = new Set("buster bullseye bionic focal".split(" "));

export interface Units {
  readonly placed: readonly Placed[];
  readonly lines: ScriptLines;
}

/** `suite`: the codename of the system that the package is for. Throws ARTIFACT_INVALID. */
export function unitsOf(units: DebSpec["units"], job: Pick<PackJob, "artifact" | "source" | "suite">): Units {
  const folder = unmerged.has(job.suite ?? "") ? "lib/systemd/system" : "usr/lib/systemd/system";
  const all = readUnits(units, folder, job);
  // An instance has to be named before a template can be enabled or started.
  const known = all.filter(({ name }) => !/@\.\w+$/.test(name));
  const enabled = known.filter(({ enable, hasInstall }) => enable && hasInstall).map(({ name }) => name);
  const disabled = known.filter(({ enable, hasInstall }) => !enable && hasInstall).map(({ name }) => name);
  return {
    placed: all.map(({ placed }) => placed),
    lines: {
      preinst: { after: stopOnUpgrade(known.filter(({ start, upgrade }) => start && upgrade === "stop")) },
      postinst: {
        after:
          known.length === 0
            ? []
            : whenConfigured([...enabled.flatMap(enableLines), ...disabled.flatMap(keepLines), ...startLines(known)]),
      },
      prerm: { before: stopOnRemoval(known) },
      postrm: { after: forgetLines([...enabled, ...disabled], known.length > 0) },
    },
  };
}

interface Unit {
  readonly name: string;
  readonly start: boolean;
  readonly upgrade: "restart" | "stop" | "leave";
}

/** A unit that was never seen counts as enabled; one that the administrator disabled stays so, and its links are kept in mind. */
function enableLines(name: string): string[] {
  const unit = quoted(name);
  return [
    `deb-systemd-helper unmask ${unit} >/dev/null || true`,
    `if deb-systemd-helper --quiet was-enabled ${unit}; then`,
    `  deb-systemd-helper enable ${unit} >/dev/null || true`,
    "else",
    `  deb-systemd-helper update-state ${unit} >/dev/null || true`,
    "fi",
  ];
}

/** Not enabled at first; but who enabled it gets the links that a newer unit wants. */
function keepLines(name: string): string[] {
  const unit = quoted(name);
  return [
    `if deb-systemd-helper debian-installed ${unit} && deb-systemd-helper --quiet was-enabled ${unit}; then`,
    `  deb-systemd-helper enable ${unit} >/dev/null || true`,
    "fi",
    `deb-systemd-helper update-state ${unit} >/dev/null || true`,
  ];
}

/** `$2` is the version that was configured before: empty at the first installation. */
function startLines(units: readonly Unit[]): string[] {
  const invoke = (action: string, of: readonly Unit[]): string[] =>
    of.length === 0 ? [] : [`deb-systemd-invoke ${action} ${words(of)} >/dev/null || true`];
  const started = units.filter(({ start }) => start);
  const upgraded = [
    ...invoke(
      "restart",
      started.filter(({ upgrade }) => upgrade === "restart"),
    ),
    ...invoke(
      "start",
      started.filter(({ upgrade }) => upgrade !== "restart"),
    ),
    // One that isn't started by us is restarted only where somebody else did.
    ...invoke(
      "try-restart",
      units.filter(({ start, upgrade }) => !start && upgrade === "restart"),
    ),
  ];
  return underSystemd([
    "systemctl --system daemon-reload >/dev/null || true",
    ...either('[ -n "$2" ]', upgraded, invoke("start", started)),
  ]);
}

function either(condition: string, yes: readonly string[], no: readonly string[]): string[] {
  if (yes.length === 0) return [];
  return [`if ${condition}; then`, ...indented(yes), ...(no.length === 0 ? [] : ["else", ...indented(no)]), "fi"];
}

function stopOnUpgrade(units: readonly Unit[]): string[] {
  return units.length === 0
    ? []
    : underSystemd([`deb-systemd-invoke stop ${words(units)} >/dev/null || true`], "upgrade");
}

function stopOnRemoval(units: readonly Unit[]): string[] {
  return units.length === 0
    ? []
    : underSystemd([`deb-systemd-invoke stop ${words(units)} >/dev/null || true`], "remove");
}

function forgetLines(installed: readonly string[], hasUnits: boolean): string[] {
  if (!hasUnits) return [];
  const names = installed.map(quoted).join(" ");
  return [
    ...underSystemd(["systemctl --system daemon-reload >/dev/null || true"], "remove"),
    // Nothing that a package depends on need be there any more when it is purged.
    ...(installed.length === 0
      ? []
      : [
          'if [ "$1" = purge ] && command -v deb-systemd-helper >/dev/null; then',
          `  deb-systemd-helper purge ${names} >/dev/null || true`,
          "fi",
        ]),
  ];
}

/** Neither in a chroot nor under DPKG_ROOT is there a systemd to talk to. */
function underSystemd(body: readonly string[], action?: string): string[] {
  const when = action === undefined ? "" : `[ "$1" = ${action} ] && `;
  return [`if ${when}[ -z "\${DPKG_ROOT:-}" ] && [ -d /run/systemd/system ]; then`, ...indented(body), "fi"];
}

function words(units: readonly Unit[]): string {
  return units.map(({ name }) => quoted(name)).join(" ");
}
