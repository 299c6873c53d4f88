// The document that apt polls: InRelease, a list of indexes with their digests, signed. It also names the view's own working
// state by its digest, so the two can't disagree. Its date never goes back: apt ignores a document older than the one it has.

import { clearSignatureOf, textState } from "../../artifact/clear-signed.ts";
import { digestOf } from "../../artifact/digest.ts";
import { verifyOpenPgp } from "../../artifact/openpgp.ts";
import { KilnError } from "../../errors.ts";
import { type CompressedIndex, type Form, forms, plainOf } from "../compressed-index.ts";
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

/** The index's files. */
export function packedFiles(path: string, { files }: CompressedIndex): (IndexFile & { readonly form: Form })[] {
  return forms.map((form) => ({
    form,
    path: `${path}.${form}`,
    size: files[form].length,
    sha256: digestOf(files[form]),
  }));
}

/** The text that they unpack to, which apt wants listed. */
export async function plainFile(path: string, index: CompressedIndex): Promise<IndexFile> {
  return { path, ...(await plainOf(index)) };
}

export function releaseText(options: {
  readonly origin: string;
  readonly channel: string;
  readonly places: readonly { readonly component: string; readonly architecture: string }[];
  readonly files: readonly IndexFile[];
  /** Milliseconds since 1970. */
  readonly date: number;
  /** Milliseconds; undefined: for ever. */
  readonly validFor: number | undefined;
  readonly state: string;
}): string {
  const { origin, channel, places, files, state } = options;
  const all = (of: readonly string[]) => [...new Set(of)].toSorted().join(" ");
  const fields = [
    `Origin: ${origin}`,
    `Label: ${origin}`,
    `Suite: ${channel}`,
    `Codename: ${channel}`,
    ...datesOf(options),
    `Architectures: ${all(places.map(({ architecture }) => architecture))}`,
    `Components: ${all(places.map(({ component }) => component))}`,
    `Description: what the channel ${channel} shows`,
    "Acquire-By-Hash: yes",
    "No-Support-for-Architecture-all: Packages",
    `Kiln-State: ${state}`,
    "SHA256:",
    ...files.map(({ path, size, sha256 }) => ` ${sha256} ${String(size).padStart(12)} ${path}`),
  ];
  return `${fields.join("\n")}\n`;
}

interface Dates {
  readonly date: number;
  readonly validFor: number | undefined;
}

function datesOf({ date, validFor }: Dates): string[] {
  const shown = (time: number) => new Date(time).toUTCString().replace("GMT", "UTC");
  return [`Date: ${shown(date)}`, ...(validFor === undefined ? [] : [`Valid-Until: ${shown(date + validFor)}`])];
}

/** The Release with other dates. */
export function redated(text: string, dates: Dates): string {
  return text.replace(/^Date: .*\n(?:Valid-Until: .*\n)?/m, `${datesOf(dates).join("\n")}\n`);
}

/** What a Release says of the index at `path`: plain first, then compressed. */
export function listedFiles(text: string, path: string): IndexFile[] {
  const found = text.matchAll(/^ ([0-9a-f]{64}) +(\d+) (\S+)$/gm);
  return [...found].flatMap(([, sha256 = "", size = "", of = ""]) =>
    of === path || (of.startsWith(`${path}.`) && !of.includes("/", path.length))
      ? [{ path: of, size: Number(size), sha256 }]
      : [],
  );
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
  const isWhole = message.endsWith("\n-----END PGP SIGNATURE-----\n");
  if (signature === undefined || !isWhole || Number.isNaN(date) || !/^[0-9a-f]{64}$/.test(state)) {
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
