// Opens the sandbox that an isolation names, after a look whether this machine can run it.

import { checkBubblewrap, openBubblewrap } from "./sandbox-bubblewrap.ts";
import { openUnisolated } from "./sandbox-none.ts";
import type { Sandbox, SandboxOptions } from "./sandbox.ts";

/** Throws TOOL_MISSING or SANDBOX_FAILED. The workspace's folders must exist. */
export async function openSandbox(options: SandboxOptions): Promise<Sandbox> {
  if (options.isolation === "none") return openUnisolated(options);
  const sandbox = openBubblewrap(options);
  await checkBubblewrap(sandbox, options.tools);
  return sandbox;
}
