// Many small Debian packages, the same on every machine: control fields as a distribution has them (about 900 bytes in an
// index), and files that stock programs take. Made here, because thousands of `dpkg-deb` would take an hour.

import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";

import { digestOf } from "../../src/artifact/digest.ts";

export interface Deb {
  readonly file: string;
  /** Of its control file, in order. */
  readonly fields: Readonly<Record<string, string | number>>;
  readonly bytes: Buffer;
  readonly sha256: string;
}

const words =
  "archive audio binding cache client codec common compiler config console core crypto daemon data debug desktop device driver engine event extra filter font format framework graph helper image index input interface kernel language layer library locale manager matrix media message metric module monitor network object parser pixel plugin printer process protocol query queue reader record render report runtime scanner schema script server session shell signal socket source spell storage stream string switch symbol syntax system table terminal test text theme thread token tools transport tree utility vector video viewer widget window wrapper writer".split(
    " ",
  );

/** Package number `at`; `version` stands in its name too. */
export function debAt(at: number, version = "1.0.0"): Deb {
  const pick = choices(`deb ${at}`);
  const stem = `${pick(words)}-${pick(words)}-${at}`;
  const name = at % 5 === 0 ? `lib${stem}` : stem;
  const relation = () =>
    `lib${pick(words)}${pick(words)}${1 + pick([0, 1, 2, 3])} (>= ${pick([0, 1, 2, 3])}.${pick([1, 4, 10, 17])})`;
  const sentence = (count: number) => Array.from({ length: count }, () => pick(words)).join(" ");
  const fields = {
    Package: name,
    Version: version,
    Architecture: at % 3 === 0 ? "all" : "amd64",
    Maintainer: "Kiln examples <examples@kiln.invalid>",
    "Installed-Size": 20 + pick([10, 200, 3000]),
    Depends: Array.from({ length: 6 }, relation).join(", "),
    Suggests: [relation(), relation()].join(", "),
    Section: pick(["admin", "devel", "libs", "net", "utils"]),
    Priority: "optional",
    Homepage: `https://${stem}.example/`,
    Description: `${sentence(6)}\n ${sentence(11)}\n ${sentence(10)}\n .\n ${sentence(11)}\n ${sentence(4)}`,
  };
  const text = `${Object.entries(fields)
    .map(([field, value]) => `${field}: ${value}`)
    .join("\n")}\n`;
  const bytes = ar([
    ["debian-binary", Buffer.from("2.0\n")],
    ["control.tar.gz", gzipSync(tar("./control", Buffer.from(text)), { level: 1 })],
    ["data.tar.gz", gzipSync(tar(`./usr/share/doc/${name}/copyright`, Buffer.from(stem)), { level: 1 })],
  ]);
  return { file: `${name}_${version}_${fields.Architecture}.deb`, fields, bytes, sha256: digestOf(bytes) };
}

/** Chooses, always the same for the same seed. */
function choices(seed: string): <T>(from: readonly T[]) => T {
  let state = createHash("sha256").update(seed).digest().readUInt32LE();
  return <T>(from: readonly T[]) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return from[Math.floor((state / 2 ** 32) * from.length)] as T;
  };
}

function ar(members: readonly (readonly [name: string, body: Buffer])[]): Buffer {
  const parts = members.flatMap(([name, body]) => [
    Buffer.from(
      `${name.padEnd(16)}${"0".padEnd(12)}${"0".padEnd(6)}${"0".padEnd(6)}${"100644".padEnd(8)}${String(body.length).padEnd(10)}\`\n`,
    ),
    body,
    Buffer.alloc(body.length % 2, "\n"),
  ]);
  return Buffer.concat([Buffer.from("!<arch>\n"), ...parts]);
}

/** A tar (ustar) of one file. */
function tar(path: string, body: Buffer): Buffer {
  const header = Buffer.alloc(512);
  const octal = (value: number, width: number) => `${value.toString(8).padStart(width - 1, "0")}\0`;
  header.write(path, 0);
  header.write(octal(0o644, 8) + octal(0, 8) + octal(0, 8) + octal(body.length, 12) + octal(0, 12), 100);
  header.write("        0", 148);
  header.write("ustar\x0000", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return Buffer.concat([header, body, Buffer.alloc((512 - (body.length % 512)) % 512), Buffer.alloc(1024)]);
}
