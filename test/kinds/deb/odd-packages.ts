// Recipe entries and source trees with one or two odd things in them: what a careless or a hostile project could have.

import { execFileSync } from "node:child_process";
import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import fc from "fast-check";

import { writeFiles } from "./pack.ts";

export interface OddPackage {
  readonly entry: Readonly<Record<string, unknown>>;
  readonly version: string;
  /** What lies in the source beside the usual files. */
  readonly odd: string;
}

const text = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 40 }),
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.constantFrom(
    "",
    " ",
    "-x",
    "\n",
    "a\nEvil: yes",
    "a\n\nPackage: other",
    "x".repeat(300),
    "é".repeat(300),
    "日本語 🙂",
    "a\u0000b",
    "\u001b[31m",
    "\ud800",
    "$(touch evil)",
    "'; touch evil; '",
    "${version}",
    "%n%s",
    "..",
    "a/../b",
    "/",
    "a, b",
    "a | b",
    "a (>= 1)",
    "a(>=1)|b",
    "a (>= ${version})",
    "a:any (<< 2~)",
    "a (> 1)",
    "a [amd64]",
    "1:2-3",
  ),
);

const path = text.map((name) => `/usr/share/${name}`);
const list = fc.array(text, { minLength: 1, maxLength: 3 });

const changes: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  package: text,
  architecture: fc.oneof(text, fc.constantFrom("amd64", "arm64", "all", "any", "linux-any")),
  multiArch: fc.constantFrom("same", "foreign", "allowed", "no", "yes"),
  description: text,
  maintainer: fc.oneof(
    text,
    text.map((name) => `${name} <a@b.example>`),
  ),
  section: text,
  homepage: fc.oneof(
    text,
    text.map((rest) => `https://example.org/${rest}`),
  ),
  depends: list,
  preDepends: list,
  recommends: list,
  breaks: list,
  provides: list,
  conffiles: fc.array(fc.oneof(path, fc.constant("/usr/share/sample/a"))),
  license: text,
  tmpfiles: list,
  users: fc.dictionary(fc.oneof(text, fc.constant("sample")), fc.record({ comment: text, home: fc.oneof(text, path) })),
  units: fc.dictionary(
    fc.oneof(
      text.map((name) => `${name}.service`),
      fc.constantFrom("a@.service", "a@b.timer", "a b.service", "ä.service"),
    ),
    fc.constantFrom("unit", "file", "nothing"),
  ),
  control: fc.dictionary(
    fc.constantFrom("postinst", "prerm", "config", "templates", "other"),
    fc.constantFrom("script", "file", "perl"),
  ),
  changelog: fc.constantFrom("file", "debian", "binary", "tree"),
  copyright: fc.constantFrom("file", "binary", "empty"),
};

const placements = fc.dictionary(
  fc.oneof(
    path,
    fc.constantFrom(
      "/etc/ends in a space ",
      "/DEBIAN/x",
      "/x//y",
      "/usr/share/sample/a",
      "/usr/",
      `/${"deep/".repeat(150)}x`,
      `/usr/${"n".repeat(256)}`,
    ),
  ),
  fc.oneof(
    fc.constantFrom<unknown>("file", "tree", "odd", "nothing", "empty"),
    fc.record({
      from: fc.constantFrom("file", "tree", "odd"),
      mode: fc.constantFrom("0600", "4755", "0200", "640"),
      owner: fc.oneof(text, fc.constant("root:adm")),
    }),
    fc.record({ link: text }),
    fc.record({ folder: fc.constant(true), mode: fc.constantFrom("0700", "0400") }),
  ),
  { minKeys: 1, maxKeys: 3 },
);

const overrides = fc
  .subarray(Object.keys(changes), { minLength: 0, maxLength: 2 })
  .chain((keys) => fc.record(Object.fromEntries(keys.map((key) => [key, changes[key] ?? fc.constant("")]))));

export const oddPackages: fc.Arbitrary<OddPackage> = fc
  .record({
    overrides,
    files: fc.oneof(fc.constant({}), placements),
    version: fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom("1.0.0", "1.2.0-rc.1", "2024.05.01", "1.0+a~b") },
      { weight: 1, arbitrary: text },
    ),
    odd: fc.constantFrom("name", "link", "outside", "absolute", "pipe", "device", "long", "latin1", "line"),
  })
  .map((one) => ({
    entry: {
      description: "a sample\nWith more to say about it.",
      maintainer: "Kiln examples <examples@kiln.invalid>",
      license: "MIT",
      ...one.overrides,
      files: { "/usr/share/sample": "tree", "/etc/sample.conf": "file", ...one.files },
    },
    version: one.version,
    odd: one.odd,
  }));

/** The source that the entries name files of. */
export function writeSource(folder: string, odd: string): void {
  writeFiles(folder, {
    file: "content\n",
    unit: "[Unit]\nDescription=x\n[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n",
    script: "#!/bin/sh\nset -e\necho own\n",
    perl: "#!/usr/bin/perl\nprint 1;\n",
    debian:
      "sample (0.9) unstable; urgency=low\n\n  * Older.\n\n -- A <a@b.example>  Mon, 01 Jan 2024 00:00:00 +0000\n",
    binary: Buffer.of(0, 255, 1),
    empty: "",
    "tree/a": "a\n",
    "tree/b c": "b\n",
    "odd/plain": "x\n",
  });
  const at = (name: string): string => join(folder, "odd", name);
  if (odd === "name") writeFileSync(at(" ünï 🙂 'quoted' \"twice\" $(x) \\ -"), "x");
  if (odd === "link") symlinkSync("plain", at("link"));
  if (odd === "outside") symlinkSync("../../../../etc/passwd", at("link"));
  if (odd === "absolute") symlinkSync("/etc/passwd", at("link"));
  if (odd === "pipe") execFileSync("mkfifo", [at("pipe")]);
  // Only root can make one; a socket's or a pipe's refusal is the same.
  if (odd === "device" && process.getuid?.() === 0) execFileSync("mknod", [at("null"), "c", "1", "3"]);
  if (odd === "long") writeFileSync(at("n".repeat(255)), "x");
  if (odd === "latin1") writeFileSync(Buffer.concat([Buffer.from(at("caf")), Buffer.of(0xe9)]), "x");
  if (odd === "line") writeFileSync(at("a\nb"), "x");
}
