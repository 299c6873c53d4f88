// build-requirements.txt for a project that has none: pip resolves what the backend needs, as it would for a build, and every
// wheel that it chose is pinned with its hash. The one thing that `kiln init` asks the network for.

import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Context } from "../context.ts";
import { isKilnError } from "../errors.ts";
import { runProgram } from "../system/process.ts";
import { findProgram, systemPath } from "../system/tools.ts";

/** The text of the file, or undefined, with a note that says why, where pip can't tell (no pip, no network, no wheels). */
export async function lockBuildRequirements(
  requirements: readonly string[],
  context: Pick<Context, "env" | "signal" | "report">,
): Promise<string | undefined> {
  // The one that steps will find, whatever the user's own is.
  const python = findProgram("python3", systemPath);
  if (python === undefined) return undefined;
  const folder = await mkdtemp(join(tmpdir(), "kiln-init-"));
  try {
    const only = ["--quiet", "--disable-pip-version-check", "--only-binary=:all:", "--dest", folder];
    const result = await runProgram([python, "-m", "pip", "download", ...only, "--", ...requirements], {
      cwd: folder,
      env: { ...context.env },
      signal: context.signal,
    });
    if (result.status === 0) return await pinsIn(folder);
    context.report.note(`pip: ${result.stderr.toString("utf8").trim().split("\n").at(-1) ?? "failed"}`);
    return undefined;
  } catch (error) {
    if (isKilnError(error, "TOOL_MISSING")) return undefined;
    throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function pinsIn(folder: string): Promise<string> {
  const wheels = (await readdir(folder)).filter((file) => file.endsWith(".whl")).toSorted();
  const lines = await Promise.all(
    wheels.map(async (file) => {
      const [name = "", version = ""] = file.split("-");
      const sum = createHash("sha256").update(await readFile(join(folder, file)));
      return `${name.replaceAll("_", "-")}==${version} --hash=sha256:${sum.digest("hex")}\n`;
    }),
  );
  return `# What builds this project, pinned: python3 -m pip download --require-hashes -r build-requirements.txt\n${lines.join("")}`;
}
