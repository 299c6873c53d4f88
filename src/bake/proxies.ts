// The proxies of the machine, for the steps that have its network.

import type { Context } from "../context.ts";

/** What `fetch` steps may need to reach the network at all. No part of the bake key: lock files pin what is fetched. */
export function proxiesOf(env: Context["env"]): Record<string, string> {
  const names = ["http_proxy", "https_proxy", "no_proxy", "all_proxy"].flatMap((name) => [name, name.toUpperCase()]);
  return Object.fromEntries(names.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
}
