// The documents that lead a client to a repository's indexes. The mirrorlist is the pointer: one object, swapped last, which names an
// immutable generation; repomd.xml with its detached signature lies in there, so the two always fit. Neither mirrorlist nor kiln.repo
// is signed: they hold addresses, and what they lead to is checked by the key that the user pinned.

import type { Digest } from "../../artifact/digest.ts";
import { KilnError } from "../../errors.ts";
import { indexes, indexOf, indexPath, yumHint, yumKeys, type Way, type YumState } from "./generation.ts";

export interface Place {
  /** Where clients reach the store; ends in `/`. */
  readonly publicUrl: string;
  readonly channel: string;
}

/** What clients ask for each time. */
export function mirrorlistText({ publicUrl, channel }: Place, generation: Digest): string {
  return `${publicUrl}${yumKeys(channel).generation(generation)}\n`;
}

/** The generation that a mirrorlist names, whatever address it has. Throws STORE_CORRUPT, which names `key`. */
export function parseMirrorlist(bytes: Uint8Array, key: string): Digest {
  const [, digest] = /^\S+\/generations\/([0-9a-f]{64})\/\n$/.exec(Buffer.from(bytes).toString("utf8")) ?? [];
  if (digest !== undefined) return digest;
  throw new KilnError("STORE_CORRUPT", `${key}: got no address of a generation`, { hint: yumHint });
}

/** For /etc/yum.repos.d. */
export function repoFileText({ publicUrl, channel }: Place, origin: string): string {
  const lines = {
    name: `${channel} of ${origin}`,
    mirrorlist: publicUrl + yumKeys(channel).pointer,
    gpgcheck: 1,
    repo_gpgcheck: 1,
    gpgkey: `${publicUrl}trust/openpgp.asc`,
    metadata_expire: 300,
  };
  const text = Object.entries(lines).map(([name, value]) => `${name}=${value}\n`);
  return `[${origin}-${channel}]\n${text.join("")}`;
}

/** Says what `state` says, and names it. */
export function repomdText(state: YumState, digest: Digest, way: Way): string {
  const data = indexes.map((name) => {
    const index = indexOf(state, way, name);
    return `  <data type="${name}">
    <checksum type="sha256">${index.sha256}</checksum>
    <open-checksum type="sha256">${index.plain.sha256}</open-checksum>
    <location href="${indexPath(name, index)}"/>
    <timestamp>${state.date}</timestamp>
    <size>${index.size}</size>
    <open-size>${index.plain.size}</open-size>
  </data>
`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>
<repomd xmlns="http://linux.duke.edu/metadata/repo" xmlns:rpm="http://linux.duke.edu/metadata/rpm">
  <revision>${state.date}</revision>
  <tags>
    <content>kiln-state-${digest}</content>
  </tags>
${data.join("")}</repomd>
`;
}
