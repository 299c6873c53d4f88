// Files of a package that Kiln makes itself: what declares its users and folders.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { digestOf } from "../../artifact/digest.ts";
import type { PackJob } from "../kind.ts";
import type { Placed } from "./files.ts";
import type { UnitsAndUsers } from "./shape.ts";

/** The package's own files in sysusers.d and tmpfiles.d. */
export function accountFiles(
  spec: Pick<UnitsAndUsers, "users" | "tmpfiles">,
  name: string,
  job: Pick<PackJob, "stage">,
): Placed[] {
  const users = sysusersText(spec.users);
  const folders = spec.tmpfiles.map((line) => `${line}\n`).join("");
  return [
    ...(users === undefined ? [] : [madeFile(`usr/lib/sysusers.d/${name}.conf`, Buffer.from(users), job)]),
    ...(folders === "" ? [] : [madeFile(`usr/lib/tmpfiles.d/${name}.conf`, Buffer.from(folders), job)]),
  ];
}

/** The text of the package's own file in sysusers.d; undefined without users. */
export function sysusersText(users: UnitsAndUsers["users"]): string | undefined {
  const lines = Object.entries(users).flatMap(([name, { comment, home, shell, groups }]) => [
    `u ${name} - ${comment === undefined ? "-" : `"${comment}"`} ${home} ${shell}`,
    ...groups.map((group) => `m ${name} ${group}`),
  ]);
  return lines.length === 0 ? undefined : `${lines.join("\n")}\n`;
}

/** A file that Kiln makes waits in the stage until the tree is written. */
export function madeFile(at: string, bytes: Buffer, { stage }: Pick<PackJob, "stage">): Placed {
  const folder = join(stage, "made");
  mkdirSync(folder, { recursive: true });
  // Of one length, however long the path is.
  const source = join(folder, digestOf(at).slice(0, 16));
  writeFileSync(source, bytes, { flag: "wx" });
  return { type: "file", path: at, at, source, size: bytes.length, executable: false };
}
