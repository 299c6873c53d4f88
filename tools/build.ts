// Builds dist/: every module by tsc, for the npm package; and dist/kiln-deploy.js, one file that needs nothing but Node, by
// rolldown. The same source gives the same bytes, and nothing is fetched. Ends with a try: the single file alone in an
// empty folder must run. Both programs then stand in node_modules/.bin, beside the Node that they need.

import { execFile } from "node:child_process";
import { chmod, copyFile, cp, mkdtemp, readFile, rm, stat, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { bundleDeploy } from "./bundle.ts";

const root = join(import.meta.dirname, "..");
const dist = join(root, "dist");
const execute = promisify(execFile);

await step("compile src to dist", async () => {
  await rm(dist, { recursive: true, force: true });
  await execute(join(root, "node_modules/.bin/tsc"), ["-p", join(root, "tsconfig.build.json")]);
  // What runs in a sandbox, in another language, is shipped as it stands.
  const programs = "kinds/python/programs";
  await cp(join(root, "src", programs), join(dist, programs), { recursive: true });
  await chmod(join(dist, "cli.js"), 0o755);
});

await step("bundle dist/kiln-deploy.js", async () => {
  const { modules } = await bundleDeploy(join(dist, "kiln-deploy.js"));
  await chmod(join(dist, "kiln-deploy.js"), 0o755);
  const { size } = await stat(join(dist, "kiln-deploy.js"));
  return `${modules.length} modules, ${Math.round(size / 1024)} KiB`;
});

await step("run kiln-deploy alone", async () => {
  const folder = await mkdtemp(join(tmpdir(), "kiln-alone-"));
  try {
    const alone = join(folder, "kiln-deploy.mjs");
    await copyFile(join(dist, "kiln-deploy.js"), alone);
    const { stdout } = await execute(process.execPath, [alone, "--version"], { cwd: folder, env: {} });
    const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { version: string };
    if (stdout !== `kiln-deploy ${version}\n`) throw new Error(`got ${JSON.stringify(stdout)}`);
    return stdout.trim();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

await step("link kiln and kiln-deploy in node_modules/.bin", async () => {
  for (const [name, file] of [
    ["kiln", "cli.js"],
    ["kiln-deploy", "kiln-deploy.js"],
  ] as const) {
    const link = join(root, "node_modules/.bin", name);
    await rm(link, { force: true });
    await symlink(join("../../dist", file), link);
  }
});

async function step(title: string, work: () => Promise<string | void>): Promise<void> {
  const start = performance.now();
  try {
    const outcome = await work();
    console.log(`✓ ${title}${outcome ? `  ${outcome}` : ""}  ${((performance.now() - start) / 1000).toFixed(1)} s`);
  } catch (error) {
    console.error(`✗ ${title}`);
    const output = error instanceof Error && "stdout" in error ? String(error.stdout) : "";
    console.error(output || error);
    process.exit(1);
  }
}
