// A .deb that was made elsewhere: its control fields, as an index lists them. The frame is walked here; what lies in it is unpacked by
// dpkg-deb, and thrown away: so a package that dpkg couldn't install is no package. Fields that only an index may have would
// let a package speak for another file. Spec: deb(5), deb-control(5).

import { closeSync, openSync, readSync } from "node:fs";

import { PackageURL } from "packageurl-js";

import { checkArtifactFile } from "../../artifact/name.ts";
import { KilnError } from "../../errors.ts";
import { debianArchitecture } from "../../system/architecture.ts";
import { endOf, runProgram } from "../../system/process.ts";
import { tarReader } from "../../system/tar-reader.ts";
import type { FileToInspect, Inspected } from "../kind.ts";
import { relationPurl } from "./relation.ts";
import { packageName } from "./shape.ts";

const magic = Buffer.from("!<arch>\n");
const headSize = 60;
/** Larger ones no index could hold. */
const longestControl = 1024 * 1024;
/** What takes more room is made to fill somebody's disk. */
const mostUnpacked = 64 * 1024 ** 3;

/** Fields that an index adds to what the package says. */
const ofIndexes = new Set("filename size md5sum sha1 sha256 sha512 kiln-release description-md5 status".split(" "));

export async function inspectDeb(file: FileToInspect): Promise<Inspected | undefined> {
  if (!file.start.subarray(0, magic.length).equals(magic)) return undefined;
  if (file.start.toString("latin1", magic.length, magic.length + 13) !== "debian-binary") return undefined;
  checkFrame(file);
  const fields = fieldsIn(await controlIn(file), file.name);
  await unpack(file, "--fsys-tarfile", () => {});
  const [name, version, architecture] = (["Package", "Version", "Architecture"] as const).map((field) =>
    required(fields, field, file.name),
  ) as [string, string, string];
  const { node } = debianArchitecture(architecture);
  const relations = (field: string) => listOf(fields[field]).map(relationPurl);
  return {
    file: checkArtifactFile(`${name}_${version.replace(/^[0-9]+:/, "")}_${architecture}.deb`, file.name),
    platform: architecture === "all" ? "any" : `linux-${node}`,
    record: fields,
    purl: new PackageURL("deb", undefined, name, version, { arch: architecture }, undefined).toString(),
    requires: [...relations("Pre-Depends"), ...relations("Depends")],
    recommends: relations("Recommends"),
    package: { name, version },
  };
}

/** Members end where the file does: one that was cut off shows here. */
function checkFrame({ path, size, name }: FileToInspect): void {
  const file = openSync(path, "r");
  try {
    const found: string[] = [];
    for (let at = magic.length; at < size;) {
      const head = Buffer.alloc(headSize);
      const length = readSync(file, head, 0, headSize, at);
      const bytes = Number(head.toString("latin1", 48, 58).trim() || Number.NaN);
      if (length < headSize || head.toString("latin1", 58, 60) !== "`\n" || !Number.isSafeInteger(bytes) || bytes < 0) {
        throw refused(name, "got a package whose members can't be told apart");
      }
      found.push(head.toString("latin1", 0, 16).trim().replace(/\/$/, ""));
      at += headSize + bytes + (bytes % 2);
      // The last one needn't be padded.
      if (at > size + 1 || (at === size + 1 && bytes % 2 === 0)) throw refused(name, "got a package that is cut off");
    }
    const [first, ...others] = found.filter((member) => !member.startsWith("_"));
    const [control = "", data = ""] = others;
    if (first === "debian-binary" && control.startsWith("control.tar") && data.startsWith("data.tar")) return;
    throw refused(
      name,
      `got the members ${found.slice(0, 5).join(", ")}, want debian-binary, control.tar and data.tar`,
    );
  } finally {
    closeSync(file);
  }
}

async function controlIn(file: FileToInspect): Promise<string> {
  const pieces: Buffer[] = [];
  let isControl = false;
  let size = 0;
  const reader = tarReader({
    entry: ({ path, type }) => {
      isControl = type === "file" && path.replace(/^\.\//, "") === "control" && pieces.length === 0;
    },
    data: (piece) => {
      if (!isControl) return;
      size += piece.length;
      if (size > longestControl) throw refused(file.name, `got control fields of more than ${longestControl} bytes`);
      pieces.push(Buffer.from(piece));
    },
    end: () => {},
  });
  await unpack(file, "--ctrl-tarfile", (piece) => reader.write(piece));
  reader.finish();
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(pieces));
  } catch (cause) {
    throw refused(file.name, "got control fields that aren't UTF-8", cause);
  }
}

async function unpack(file: FileToInspect, option: string, onPiece: (piece: Buffer) => void): Promise<void> {
  const stop = new AbortController();
  const failures: unknown[] = [];
  let said = "";
  let size = 0;
  const take = (piece: Buffer): void => {
    size += piece.length;
    if (size > mostUnpacked) throw refused(file.name, `got more than ${mostUnpacked} bytes when it was unpacked`);
    onPiece(piece);
  };
  const running = runProgram(["dpkg-deb", option, file.path], {
    cwd: "/",
    env: { PATH: file.env["PATH"], LC_ALL: "C.UTF-8" },
    signal: AbortSignal.any([file.signal, stop.signal]),
    onOutput: (piece, from) => {
      if (from === "stderr") said = `${said}${piece.toString("utf8")}`.slice(-1000);
      if (from === "stderr" || failures.length > 0) return;
      try {
        take(piece);
      } catch (error) {
        failures.push(error);
        stop.abort();
      }
    },
  });
  const [ended] = await Promise.allSettled([running]);
  const [failure] = failures;
  if (failure instanceof Error) throw failure;
  if (ended.status === "rejected") throw ended.reason;
  const result = ended.value;
  if (result.status === 0) return;
  const last = said.trim().split("\n").at(-1) ?? "";
  throw refused(file.name, `got ${endOf(result)} from dpkg-deb ${option}: ${last.replace(/^dpkg-deb: error: /, "")}`);
}

/** One paragraph, its fields in their order and as they stand, with the lines that go on from the one before. */
function fieldsIn(text: string, where: string): Record<string, string> {
  const fields = new Map<string, string>();
  const seen = new Set<string>();
  let last: string | undefined;
  for (const line of text.replace(/\n+$/, "").split("\n")) {
    if (/[\p{Cc}]/u.test(line.replaceAll("\t", ""))) throw refused(where, "got a control character in its fields");
    if (/^[ \t]/.test(line) && last !== undefined && line.trim() !== "") {
      fields.set(last, `${fields.get(last)}\n${line.trimEnd()}`);
      continue;
    }
    const [, name, value] = /^([!-9;-~]+):(.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined || name.startsWith("#") || name.startsWith("-")) {
      throw refused(where, `got ${JSON.stringify(line.slice(0, 80))} among its fields, want NAME: VALUE`);
    }
    if (seen.has(name.toLowerCase())) throw refused(where, `got the field ${name} twice`);
    if (ofIndexes.has(name.toLowerCase())) throw refused(where, `got the field ${name}, which only an index has`);
    seen.add(name.toLowerCase());
    fields.set((last = name), value.trim());
  }
  return Object.fromEntries(fields);
}

const shapes: Readonly<Record<string, RegExp>> = {
  Version: /^(?:[0-9]{1,9}:)?[0-9][0-9A-Za-z.+~-]*$/,
  Architecture: /^[a-z0-9][a-z0-9-]*$/,
};

function required(fields: Readonly<Record<string, string>>, field: string, where: string): string {
  const value = fields[field] ?? "";
  const isGood = field === "Package" ? packageName.safeParse(value).success : shapes[field]?.test(value) === true;
  if (isGood) return value;
  throw refused(where, `got ${JSON.stringify(value.slice(0, 80))} as ${field}, want one that dpkg takes`);
}

function listOf(relations: string | undefined): string[] {
  return (relations ?? "")
    .split(",")
    .map((one) => one.trim())
    .filter((one) => /^[a-z0-9]/.test(one));
}

function refused(where: string, problem: string, cause?: unknown): KilnError {
  return new KilnError("ARTIFACT_INVALID", `${where}: ${problem}`, { cause });
}
