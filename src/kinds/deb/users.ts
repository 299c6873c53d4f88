// System users, folders that are made at installation, and owners of files. Users are made by systemd-sysusers, as Debian
// does now; owners are set when the package is configured, because neither users nor their numbers are there when dpkg
// unpacks, and never against what the administrator said with dpkg-statoverride. Spec: sysusers.d(5), tmpfiles.d(5).

import type { Placed } from "../system-package/files.ts";
import { modeOf } from "../system-package/tree.ts";
import { indented, quoted, type ScriptLines, whenConfigured } from "./scripts.ts";

/** What must be done with what lies in sysusers.d and tmpfiles.d, whoever put it there, and with files of other owners. */
export function accountLines(placed: readonly Placed[]): ScriptLines {
  const users = namesIn(placed, "usr/lib/sysusers.d/");
  const folders = namesIn(placed, "usr/lib/tmpfiles.d/");
  const root = '${DPKG_ROOT:+--root="$DPKG_ROOT"}';
  const body = [
    ...(users === "" ? [] : [`systemd-sysusers ${root} ${users}`]),
    ...(folders === ""
      ? []
      : [
          'if [ -x "$(command -v systemd-tmpfiles)" ]; then',
          `  systemd-tmpfiles ${root} --create ${folders} >/dev/null || true`,
          "fi",
        ]),
    ...placed.flatMap((entry) => (entry.owner === undefined ? [] : ownerLines(entry, entry.owner))),
  ];
  return body.length === 0 ? {} : { postinst: { before: whenConfigured(body) } };
}

/** What has to be there for these lines to run. */
export function accountDepends(placed: readonly Placed[]): string[] {
  return [
    ...(namesIn(placed, "usr/lib/sysusers.d/") === ""
      ? []
      : ["systemd | systemd-standalone-sysusers | systemd-sysusers"]),
    ...(namesIn(placed, "usr/lib/tmpfiles.d/") === ""
      ? []
      : ["systemd | systemd-standalone-tmpfiles | systemd-tmpfiles"]),
  ];
}

function namesIn(placed: readonly Placed[], folder: string): string {
  return placed
    .filter(({ type, at }) => type === "file" && at.startsWith(folder) && /^[^/]+\.conf$/.test(at.slice(folder.length)))
    .map(({ at }) => quoted(at.slice(folder.length)))
    .join(" ");
}

/** chown takes away the bits that change the user, so the mode comes after it. */
function ownerLines(entry: Placed, owner: string): string[] {
  const path = quoted(`/${entry.at}`);
  const mode = modeOf(entry).toString(8).padStart(4, "0");
  return [
    `if ! dpkg-statoverride --list ${path} >/dev/null; then`,
    ...indented([`chown --no-dereference ${owner} ${path}`, `chmod ${mode} ${path}`]),
    "fi",
  ];
}
