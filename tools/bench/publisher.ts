// Publishing from within a bench, with the keys that its program made: for stores that would take too long leaf by leaf.

import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { payloadTypes, preAuthEncoding } from "../../src/artifact/dsse.ts";
import { envelopeBytes, type Leaf, leafPayload } from "../../src/artifact/leaf.ts";
import { parseTrust } from "../../src/artifact/trust.ts";
import type { Context } from "../../src/context.ts";
import type { Publisher } from "../../src/publish/publisher.ts";
import { silent } from "../../src/report.ts";
import { loadKeys } from "../../src/sign/keys.ts";
import { openFolderStore } from "../../src/stores/folder.ts";
import { origin } from "./releases.ts";
import type { Bench } from "./row.ts";

/** Of a folder store that `createStore` made. `trust`: path of its trust file. */
export async function openPublisher(
  { folder, program }: Bench,
  path: string,
): Promise<{ publisher: Publisher; trust: string }> {
  const config = join(program.env["HOME"] ?? "", ".config/kiln");
  const file = join(config, `trust/${origin}.json`);
  const trust = parseTrust(await readFile(file), file);
  const { signers } = await loadKeys(
    { file: join(config, `keys/${origin}.age`) },
    program.env["KILN_PASSPHRASE"] ?? "",
  );
  const { signal } = new AbortController();
  const context: Context = { now: () => Date.now(), signal, report: silent, env: {}, cwd: folder };
  const store = await openFolderStore(path, signal);
  return {
    publisher: { store, trust, signers, context, pause: async () => {}, publicUrl: `https://${origin}/` },
    trust: file,
  };
}

/** The log entry of a leaf. */
export function signedLeaf({ signers }: Publisher, leaf: Leaf): Uint8Array {
  const payload = leafPayload(leaf);
  const sig = signers.release.sign(preAuthEncoding(payloadTypes.leaf, payload));
  const envelope = { payload: Buffer.from(payload).toString("base64"), payloadType: payloadTypes.leaf };
  return envelopeBytes({ ...envelope, signatures: [{ sig }] });
}
