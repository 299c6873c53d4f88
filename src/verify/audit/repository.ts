// What the audit of a channel in one format is: see repositories.ts.

import type { Shown } from "../../views/shown.ts";

export interface Repository {
  /** What the channel shows of one name; `newest`: the leaf that decides it. */
  add(name: { readonly newest: number; readonly now: readonly Shown[] }): void;
  /** Looks at every document that there must be; answers their keys. */
  check(): Promise<string[]>;
}
