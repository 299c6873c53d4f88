// Before anything else is loaded: is this Node new enough, and may its compiled code be kept for the next start?

import module from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";

/** Runs `main` and makes what it returns the exit status; on an old Node says so instead. */
export async function start(program: string, main: () => Promise<number>): Promise<void> {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major < 24 || (major === 24 && minor < 15)) {
    process.stderr.write(`${program}: got Node ${process.versions.node}, want 24.15 or newer [TOOL_MISSING]\n`);
    process.stderr.write(
      "hint: install Node 24, or run it with the one that a Kiln checkout has in node_modules/.bin\n",
    );
    process.exitCode = 1;
    return;
  }
  keepCompiledCode();
  process.exitCode = await main();
}

/**
 * In the user's own cache folder, never in Node's default below /tmp: whoever can write there could put code of their own
 * into a program that may run as root. A folder that can't be written costs nothing but time.
 */
function keepCompiledCode(): void {
  const home = homedir();
  const base = process.env["XDG_CACHE_HOME"] || (home.startsWith("/") && home !== "/" ? join(home, ".cache") : "");
  if (base !== "") module.enableCompileCache(join(base, "kiln", "compiled"));
}
