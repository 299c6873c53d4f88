// What lies inside a .deb, member by member, for comparing two of them: the control files below DEBIAN/, then the files.

import { KilnError } from "../../errors.ts";
import { tarMemberReader } from "../../system/members.ts";
import { endOf, runProgram } from "../../system/process.ts";
import type { ReadMembers } from "../kind.ts";

export async function readDeb(path: string, { onMember, env, signal }: ReadMembers): Promise<void> {
  for (const [folder, option] of [
    ["DEBIAN/", "--ctrl-tarfile"],
    ["", "--fsys-tarfile"],
  ] as const) {
    const reader = tarMemberReader(onMember, folder);
    const result = await runProgram(["dpkg-deb", option, path], {
      cwd: "/",
      env: { PATH: env["PATH"], LC_ALL: "C.UTF-8" },
      signal,
      onOutput: (piece, from) => from === "stdout" && reader.write(piece),
    });
    if (result.status !== 0) {
      throw new KilnError("ARTIFACT_INVALID", `dpkg-deb ${option} ${path}: got ${endOf(result)}, want 0`);
    }
    reader.finish();
  }
}
