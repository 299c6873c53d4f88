// Every reader of lock files, given text that is nearly one: packages with package URLs, or an error that a person can act on.

import fc from "fast-check";
import { expect, test } from "vitest";

import { cargoLock } from "../../../src/bake/sbom/cargo-lock.ts";
import { goSum } from "../../../src/bake/sbom/go-sum.ts";
import { packageLock } from "../../../src/bake/sbom/package-lock.ts";
import { pdmLock } from "../../../src/bake/sbom/pdm-lock.ts";
import { poetryLock } from "../../../src/bake/sbom/poetry-lock.ts";
import { uvLock } from "../../../src/bake/sbom/uv-lock.ts";
import { KilnError } from "../../../src/errors.ts";
import { hash, readWith } from "./read.ts";

const toml = `version = 1
[[package]]
name = "a"
version = "1.0"
source = { registry = "x" }
dependencies = []
files = [{ file = "a-1.0.tar.gz", hash = "sha256:${hash("1")}" }]
[[package]]
name = "a-b"
version = "2.0"
source = { git = "https://git.example/b" }
`;

const samples = [
  [
    packageLock,
    '{"lockfileVersion":3,"packages":{"":{"dependencies":{"a":"*"}},"node_modules/a":{"version":"1.0.0","integrity":"sha512-AAAA"}}}',
  ],
  [uvLock, toml],
  [poetryLock, toml.replaceAll("dependencies = []", 'dependencies = { "a-b" = "*" }')],
  [pdmLock, toml.replaceAll("dependencies = []", 'dependencies = ["a-b>=1"]')],
  [cargoLock, toml.replaceAll(/source = \{.*\}/g, 'source = "registry+x"')],
  [goSum, `git.example/a v1.0.0 h1:${Buffer.alloc(32).toString("base64")}\n`],
] as const;

const piece = fc.oneof(
  fc.constantFrom(
    "",
    '"',
    "[[",
    "]",
    "{",
    "}",
    "=",
    "\n",
    "1",
    "a",
    "@",
    "/",
    "..",
    "é",
    "\u0000",
    "__proto__",
    "constructor",
    "sha256:",
    "\\",
    " ",
  ),
  fc.string({ maxLength: 8 }),
);

test.each(samples.map(([reader, text]) => [reader.names.join(", "), reader, text] as const))(
  "%s",
  (_, reader, text) => {
    expect(readWith(reader, text).packages.length).toBeGreaterThan(0);
    fc.assert(
      fc.property(fc.nat(text.length), fc.nat(12), piece, (at, cut, put) => {
        try {
          const read = readWith(reader, text.slice(0, at) + put + text.slice(at + cut));
          for (const purl of [...read.uses, ...read.packages.map((one) => one.purl)]) {
            expect(purl).toMatch(/^pkg:(?:npm|pypi|cargo|golang)\/[^\s"<>]+(?:@[^\s"<>]+)?$/);
          }
        } catch (error) {
          if (!(error instanceof KilnError)) throw error;
          expect(error.code).toBe("ARTIFACT_INVALID");
          expect(error.message).toContain(reader.names[0]);
        }
      }),
      { numRuns: 300 },
    );
  },
);
