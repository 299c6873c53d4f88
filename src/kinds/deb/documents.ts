// /usr/share/doc/PACKAGE: the changelog and the copyright file that Debian wants of every package, made of what the recipe
// says, or taken from the repository. Spec: Debian Policy 4.4, 12.5 and 12.7, copyright-format 1.0.

import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";

import { KilnError } from "../../errors.ts";
import { builtFile, type PackJob } from "../kind.ts";
import { foldText } from "./control.ts";
import type { DebSpec } from "./shape.ts";

export interface Document {
  /** Path in the package, without a leading slash. */
  readonly at: string;
  readonly bytes: Buffer;
}

export interface Subject {
  readonly name: string;
  readonly version: string;
  readonly spec: DebSpec;
}

type Job = Pick<PackJob, "artifact" | "source" | "time">;

/** The documents, in no order. Throws ARTIFACT_INVALID for what isn't text. */
export function documentsOf(subject: Subject, job: Job): Document[] {
  const folder = `usr/share/doc/${subject.name}`;
  // A version with a Debian revision is of something that has another changelog upstream.
  const changelog = subject.version.includes("-") ? "changelog.Debian.gz" : "changelog.gz";
  const { debian, other } = changelogOf(subject, job);
  return [
    { at: `${folder}/${changelog}`, bytes: gzip(debian) },
    ...(other === undefined ? [] : [{ at: `${folder}/${other.name}.gz`, bytes: gzip(other.text) }]),
    { at: `${folder}/copyright`, bytes: Buffer.from(copyrightOf(subject, job)) },
  ];
}

/** Level 9 and no time: lintian asks for the one, the same bytes for the other. */
function gzip(text: string): Buffer {
  return gzipSync(text, { level: 9 });
}

function readText(path: string, what: string, { artifact }: Job): string {
  const bytes = readFileSync(path);
  const text = bytes.toString("utf8");
  if (!text.includes("\uFFFD") && !text.includes("\0") && text.trim() !== "") return `${text.trimEnd()}\n`;
  throw new KilnError("ARTIFACT_INVALID", `${artifact}: ${what}: got ${basename(path)}, want text in UTF-8`, {
    hint: "correct the path in the recipe, or the file's encoding",
  });
}

/** An own changelog of Debian's form gets an entry for this version on top, if it has none. */
function changelogOf(subject: Subject, job: Job): { debian: string; other?: { name: string; text: string } } {
  const { name, version, spec } = subject;
  const entry = `${name} (${version}) unstable; urgency=medium\n\n  * Release ${version}.\n\n -- ${spec.maintainer}  ${dateOf(job.time)}\n`;
  if (spec.changelog === undefined) return { debian: entry };
  const path = builtFile(job, spec.changelog);
  const text = readText(path, "changelog", job);
  const first = /^(\S+) \(([^()\s]+)\) [^;]+; *\w+=/.exec(text);
  if (first === null) return { debian: entry, other: { name: basename(path), text } };
  return { debian: first[2] === version ? text : `${entry}\n${text}` };
}

/** As RFC 5322 has it, in UTC. */
function dateOf(time: number): string {
  return new Date(time * 1000).toUTCString().replace(/GMT$/, "+0000");
}

/** SPDX → the text that every Debian system has, in /usr/share/common-licenses. */
const common: Readonly<Record<string, string>> = {
  "Apache-2.0": "Apache-2.0",
  "Artistic-1.0-Perl": "Artistic",
  "CC0-1.0": "CC0-1.0",
  "GFDL-1.2": "GFDL-1.2",
  "GFDL-1.3": "GFDL-1.3",
  "GPL-1.0": "GPL-1",
  "GPL-2.0": "GPL-2",
  "GPL-3.0": "GPL-3",
  "LGPL-2.0": "LGPL-2",
  "LGPL-2.1": "LGPL-2.1",
  "LGPL-3.0": "LGPL-3",
  "MPL-1.1": "MPL-1.1",
  "MPL-2.0": "MPL-2.0",
};

/** What a licence file that is one of those starts with. */
const titles: readonly (readonly [RegExp, string])[] = [
  [/^\s*Apache License\s+Version 2\.0/, "Apache-2.0"],
  [/^\s*GNU GENERAL PUBLIC LICENSE\s+Version 2,/, "GPL-2.0"],
  [/^\s*GNU GENERAL PUBLIC LICENSE\s+Version 3,/, "GPL-3.0"],
  [/^\s*GNU LESSER GENERAL PUBLIC LICENSE\s+Version 2\.1,/, "LGPL-2.1"],
  [/^\s*GNU LESSER GENERAL PUBLIC LICENSE\s+Version 3,/, "LGPL-3.0"],
  [/^\s*Mozilla Public License Version 2\.0/, "MPL-2.0"],
];

function copyrightOf({ name, spec }: Subject, job: Job): string {
  if (spec.copyright !== undefined) return readText(builtFile(job, spec.copyright), "copyright", job);
  const path = licenseFile(job.source);
  const text = path === undefined ? undefined : readText(path, "the licence", job);
  const license = spec.license ?? titles.find(([title]) => title.test(text ?? ""))?.[1];
  const holders = (text ?? "")
    .split("\n")
    .flatMap((line) => /^\s*Copyright\s+(?:\([cC]\)|©)?\s*(\d{4}.*)$/.exec(line)?.[1] ?? []);
  return [
    "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/",
    `Upstream-Name: ${name}`,
    ...(spec.homepage === undefined ? [] : [`Source: ${spec.homepage}`]),
    "",
    "Files: *",
    `Copyright: ${holders.length > 0 ? holders.map((holder) => holder.trim()).join("\n           ") : `${new Date(job.time * 1000).getUTCFullYear()} ${spec.maintainer.replace(/ <.*$/, "")}`}`,
    `License: ${license ?? (text === undefined ? "unknown" : "custom")}`,
    ...licenseText(license, text),
    "",
  ].join("\n");
}

function licenseText(license: string | undefined, text: string | undefined): string[] {
  const known = (license ?? "")
    .split(/[\s()]+/)
    .flatMap((id) => common[id.replace(/-(?:only|or-later)$|\+$/, "")] ?? []);
  if (known.length > 0) {
    return [
      " The text of this licence is on every Debian system, in:",
      ...[...new Set(known)].map((file) => ` /usr/share/common-licenses/${file}`),
    ];
  }
  if (text !== undefined) return foldText(text);
  return [
    license === undefined
      ? " The recipe of this package names no licence."
      : ` The licence is the one that SPDX calls ${license}.`,
  ];
}

/** The licence of the whole repository, if it is a plain file in its top folder. */
function licenseFile(source: string): string | undefined {
  const name = readdirSync(source)
    .toSorted()
    .find((file) => /^(?:LICEN[CS]E|COPYING)(?:\.(?:txt|md))?$/.test(file) && lstatSync(join(source, file)).isFile());
  return name === undefined ? undefined : join(source, name);
}
