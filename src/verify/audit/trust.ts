// The keys that lie in the store in the forms that stock clients want: each is what the pinned trust file gives, byte for byte. A
// client that takes its key from there (dnf asks for it) would believe whatever somebody put in its place.

import { keys } from "../../artifact/pool.ts";
import { trustDocuments, trustedRootKey, trustedRootStart } from "../../artifact/trust-documents.ts";
import { trustBytes } from "../../artifact/trust.ts";
import { KilnError } from "../../errors.ts";
import { readDocument } from "../../stores/read.ts";
import { readPresent } from "../release-artifact.ts";
import type { LogToCheck } from "./log.ts";

/** `now`: milliseconds since 1970. Answers the keys that there are. */
export async function checkTrustCopies(options: LogToCheck & { readonly now: number }): Promise<ReadonlySet<string>> {
  const { trust, findings } = options;
  await noteOtherTrust(options);
  const start = await checkedStart(options);
  const known = new Set<string>();
  for await (const [key, wanted] of trustDocuments(trust, start)) {
    known.add(key);
    if (key !== keys.trust) await findings.checkAsync(key, () => requireCopy(key, wanted, options));
  }
  return known;
}

/** The trust file in the store may be an older one, with other rules for the same keys: it is only a copy. */
async function noteOtherTrust({ store, trust, findings }: LogToCheck): Promise<void> {
  const found = await findings.checkAsync(keys.trust, () => readDocument(store, keys.trust));
  if (found !== undefined && Buffer.compare(found.bytes, trustBytes(trust)) === 0) return;
  const problem = found === undefined ? "there is none" : "it isn't the pinned one";
  findings.note("TRUST_DIFFERS", keys.trust, `${keys.trust}: ${problem}; the pinned one was used`);
}

/** When the log began, which the trust file doesn't say. */
async function checkedStart({ store, findings, now }: LogToCheck & { readonly now: number }): Promise<number> {
  const found = await findings.checkAsync(trustedRootKey, () => readDocument(store, trustedRootKey));
  const start = found && trustedRootStart(found.bytes);
  // One that lies ahead would make clients refuse everything.
  return start === undefined || start > now ? 0 : start;
}

/** Throws OBJECT_MISSING, VIEW_MISMATCH. */
async function requireCopy(key: string, wanted: Uint8Array, { store }: LogToCheck): Promise<void> {
  if (Buffer.compare(await readPresent(store, key), wanted) === 0) return;
  throw new KilnError("VIEW_MISMATCH", `${key}: got other bytes than the keys of the pinned trust file give`, {
    hint: "`kiln views rebuild` writes it anew; whoever took a key from there meanwhile may have a wrong one",
    details: { key },
  });
}
