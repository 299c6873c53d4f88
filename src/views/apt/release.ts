// The document that apt polls: InRelease, a list of indexes with their digests, signed. It also names the view's own working
// state by its digest, so the two can't disagree. Its date never goes back: apt ignores a document older than the one it has.

import { clearSignatureOf, textState } from "../../artifact/clear-signed.ts";
import { digestOf } from "../../artifact/digest.ts";
import { verifyOpenPgp } from "../../artifact/openpgp.ts";
import { KilnError } from "../../errors.ts";
import { type CompressedIndex, type Form, plainOf } from "../compressed-index.ts";
import type { ViewSigner } from "../view.ts";

export interface ReleaseText {
  /** What lies between the signature's frame. */
  readonly text: string;
  /** Milliseconds since 1970. */
  readonly date: number;
  /** Digest of the working state. */
  readonly state: string;
}

export interface IndexFile {
  /** Below the suite. */
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
}

/** The index's files, and the text that they unpack to, which apt wants listed. */
export async function filesOf(
  path: string,
  index: CompressedIndex,
): Promise<{ plain: IndexFile; packed: (IndexFile & { form: Form })[] }> {
  const packed = (["gz", "xz", "zst"] as const).map((form) => ({
    form,
    path: `${path}.${form}`,
    size: index.files[form].length,
    sha256: digestOf(index.files[form]),
  }));
  return { plain: { path, ...(await plainOf(index)) }, packed };
}

export function releaseText(options: {
  readonly origin: string;
  readonly channel: string;
  readonly architectures: readonly string[];
  readonly files: readonly IndexFile[];
  readonly date: number;
  readonly state: string;
}): string {
  const { origin, channel, architectures, files, date, state } = options;
  const fields = [
    `Origin: ${origin}`,
    `Label: ${origin}`,
    `Suite: ${channel}`,
    `Codename: ${channel}`,
    `Date: ${new Date(date).toUTCString().replace("GMT", "UTC")}`,
    `Architectures: ${architectures.join(" ")}`,
    "Components: main",
    `Description: what the channel ${channel} shows`,
    "Acquire-By-Hash: yes",
    "No-Support-for-Architecture-all: Packages",
    `Kiln-State: ${state}`,
    "SHA256:",
    ...files.map(({ path, size, sha256 }) => ` ${sha256} ${String(size).padStart(12)} ${path}`),
  ];
  return `${fields.join("\n")}\n`;
}

/** Reads an InRelease that a trusted key signed. Throws STORE_CORRUPT, which names `key`; SIGNATURE_INVALID. */
export async function readInRelease(
  bytes: Uint8Array,
  key: string,
  signer: Pick<ViewSigner, "keys" | "now">,
): Promise<ReleaseText> {
  const message = Buffer.from(bytes).toString("utf8");
  const text = `${/^-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n([^]*?)\n-----BEGIN PGP SIGNATURE-----$/m.exec(message)?.[1] ?? ""}\n`;
  const signature = clearSignatureOf(message, text);
  const date = Date.parse(field(text, "Date"));
  const state = field(text, "Kiln-State");
  if (signature === undefined || Number.isNaN(date) || !/^[0-9a-f]{64}$/.test(state)) {
    throw new KilnError("STORE_CORRUPT", `${key}: got no signed list of indexes`, {
      hint: "`kiln views rebuild` writes it anew from the log",
    });
  }
  await verifyOpenPgp({
    signature,
    keys: signer.keys,
    state: textState(text),
    type: "text",
    now: signer.now,
    what: key,
  });
  return { text, date, state };
}

function field(text: string, name: string): string {
  return new RegExp(`^${name}: (.*)$`, "m").exec(text)?.[1] ?? "";
}
