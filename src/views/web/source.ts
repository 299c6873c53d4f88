// What the pages need of log, pool and trust file.

import type { RepositorySource } from "../view.ts";
import type { Place } from "./install.ts";

export interface WebSource
  extends Place, Pick<RepositorySource, "blob" | "releaseIndex" | "leaf" | "object" | "afresh" | "isNew"> {
  /** Of the OpenPGP keys that clients want. */
  readonly fingerprints: readonly string[];
  /** In the order in which the store's copies of them lie. */
  readonly releaseKeys: readonly string[];
}

export function webSource(source: RepositorySource): WebSource {
  const { origin, publicUrl: url, openpgpKeys, releaseKeys } = source;
  return {
    ...source,
    origin,
    url,
    fingerprints: openpgpKeys.flatMap(({ fingerprint, until }) => (until === null ? [fingerprint] : [])),
    releaseKeys: releaseKeys.map(({ publicKey }) => publicKey),
  };
}
