// An .rpm that was made elsewhere: its header, as rpm-md lists it, and whether header and payload are what the package's own digests
// say. Its vendor's signature is taken off, and room is left for the store's: clients trust one key, and some tools that make
// packages leave no room. Header and payload stay as they are, byte for byte. Spec: rpm's docs/manual/format_v4.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";

import { PackageURL } from "packageurl-js";

import { checkArtifactFile } from "../../artifact/name.ts";
import { leadMagic, roomyPrefix } from "../../artifact/rpm.ts";
import { KilnError } from "../../errors.ts";
import type { FileToInspect, Inspected } from "../kind.ts";
import { readRpm, type RpmFile } from "./package-file.ts";
import { recordOf, relationsOf } from "./record.ts";
import { signatureTags, tags } from "./tags.ts";

export async function inspectRpm(file: FileToInspect): Promise<Inspected | undefined> {
  if (!file.start.subarray(0, leadMagic.length).equals(leadMagic)) return undefined;
  const found = readRpm(file.path);
  const { header, range } = found;
  const architecture = header.text(tags.architecture) ?? "";
  if (header.numbers(tags.sourcePackage).length > 0 || header.text(tags.sourceRpm) === undefined) {
    throw refused(file.name, "got a source package, want one that can be installed");
  }
  await checkDigests(found, file);
  const prefix = roomyPrefix(await bytesUntil(file, range.start), file.name);
  const [name, version, release] = ([tags.name, tags.version, tags.release] as const).map((tag) =>
    required(header.text(tag), file.name),
  ) as [string, string, string];
  const epoch = header.numbers(tags.epoch)[0];
  const moved = { start: prefix.length, end: prefix.length + range.end - range.start };
  const qualifiers = { arch: architecture, ...(epoch === undefined ? {} : { epoch: String(epoch) }) };
  const [license, time] = [header.text(tags.license), header.numbers(tags.buildTime)[0]];
  return {
    file: checkArtifactFile(`${name}-${version}-${release}.${required(architecture, file.name)}.rpm`, file.name),
    platform: architecture === "noarch" ? "any" : `linux-${nodeNames[architecture] ?? architecture}`,
    record: recordOf({ ...found, range: moved }, file.name),
    purl: new PackageURL("rpm", undefined, name, `${version}-${release}`, qualifiers, undefined).toString(),
    requires: purlsOf(found, "requires"),
    recommends: purlsOf(found, "recommends"),
    package: { name, version: `${epoch === undefined || epoch === 0 ? "" : `${epoch}:`}${version}-${release}` },
    ...(license === undefined ? {} : { license }),
    ...(time === undefined ? {} : { time }),
    restart: { bytes: prefix, instead: range.start },
  };
}

/** rpm's name → Node's, where they differ. */
const nodeNames: Readonly<Record<string, string>> = {
  x86_64: "x64",
  aarch64: "arm64",
  i386: "ia32",
  i586: "ia32",
  i686: "ia32",
  armv7hl: "arm",
  ppc64le: "ppc64",
};

/** One pass over the file: what the package says of its own header and payload must hold. */
async function checkDigests({ signature, header, range }: RpmFile, { path, name, size, signal }: FileToInspect) {
  const [own, payload, both] = [createHash("sha256"), createHash("sha256"), createHash("md5")];
  let at = 0;
  for await (const piece of createReadStream(path, { highWaterMark: 1024 * 1024, signal }) as AsyncIterable<Buffer>) {
    const from = (start: number, end: number) => piece.subarray(Math.max(0, start - at), Math.max(0, end - at));
    own.update(from(range.start, range.end));
    payload.update(from(range.end, Infinity));
    both.update(from(range.start, Infinity));
    at += piece.length;
  }
  const long = signature.numbers(signatureTags.longSize)[0] ?? signature.numbers(signatureTags.size)[0];
  const got = size - range.start;
  if (long !== undefined && long !== got) throw refused(name, `got ${got} bytes of header and payload, want ${long}`);
  const wanted = [
    ["header", own.digest("hex"), signature.text(signatureTags.sha256)],
    [
      "payload",
      payload.digest("hex"),
      header.numbers(tags.payloadDigestAlgorithm)[0] === 8 ? header.text(tags.payloadDigest) : undefined,
    ],
    ["header and payload", both.digest("hex"), signature.bytes(signatureTags.md5)?.toString("hex")],
  ] as const;
  for (const [what, is, want] of wanted) {
    if (want !== undefined && want !== is) throw refused(name, `got the digest ${is} of its ${what}, want ${want}`);
  }
  if (long === undefined && wanted.slice(1).every(([, , want]) => want === undefined)) {
    throw refused(name, "got a package that says neither the size nor a digest of its payload");
  }
}

async function bytesUntil({ path, signal }: FileToInspect, end: number): Promise<Buffer> {
  return Buffer.concat(
    await Array.fromAsync(createReadStream(path, { end: end - 1, signal }) as AsyncIterable<Buffer>),
  );
}

function purlsOf({ header }: RpmFile, sort: string): string[] {
  const names = relationsOf(header, sort).map((relation) => relation.name);
  return [...new Set(names)]
    .filter((one) => /^[A-Za-z0-9_][A-Za-z0-9+._-]*$/.test(one))
    .map((one) => new PackageURL("rpm", undefined, one, undefined, undefined, undefined).toString());
}

function required(text: string | undefined, where: string): string {
  if (text !== undefined && /^[A-Za-z0-9_][A-Za-z0-9+._~^-]*$/.test(text)) return text;
  throw refused(where, `got ${JSON.stringify(text?.slice(0, 80))} in its name, version, release or architecture`);
}

function refused(where: string, problem: string): KilnError {
  return new KilnError("ARTIFACT_INVALID", `${where}: ${problem}`);
}
