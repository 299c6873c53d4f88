import { expect, test } from "vitest";

import { cargoLock } from "../../../src/bake/sbom/cargo-lock.ts";
import { brief, hash, readWith } from "./read.ts";

const crates = 'source = "registry+https://crates.example/index"';

const lock = `
version = 4

[[package]]
name = "sample"
version = "0.1.0"
dependencies = ["inner", "serde", "rand 0.8.5"]

[[package]]
name = "inner"
version = "0.1.0"
dependencies = ["rand 0.9.0"]

[[package]]
name = "serde"
version = "1.0.0"
${crates}
checksum = "${hash("1")}"
dependencies = ["serde_derive"]

[[package]]
name = "serde_derive"
version = "1.0.0"
${crates}
checksum = "${hash("2")}"

[[package]]
name = "rand"
version = "0.8.5"
${crates}

[[package]]
name = "rand"
version = "0.9.0"
source = "git+https://git.example/rand?branch=main#0123456789"
`;

test("Cargo.lock: crates with checksums and who uses whom; the crates of the repository are the project", () => {
  const read = readWith(cargoLock, lock);
  const git = "pkg:cargo/rand@0.9.0?vcs_url=git%2Bhttps%3A%2F%2Fgit.example%2Frand%3Fbranch%3Dmain";
  expect(read.uses).toEqual(["pkg:cargo/rand@0.8.5", git, "pkg:cargo/serde@1.0.0"]);
  expect(read.packages.map(({ purl }) => purl)).toEqual([
    "pkg:cargo/serde@1.0.0",
    "pkg:cargo/serde_derive@1.0.0",
    "pkg:cargo/rand@0.8.5",
    git,
  ]);
  expect(brief(read)["serde"]?.uses).toEqual(["pkg:cargo/serde_derive@1.0.0"]);
  expect(read.packages[0]?.files).toEqual([{ name: "serde-1.0.0.crate", hashes: { sha256: hash("1") } }]);
});

test("Cargo.lock: what can't be read is refused, and the error names the file", () => {
  expect(() => readWith(cargoLock, '[[package]]\nname = "a b"\nversion = "1"\n')).toThrow(/^Cargo\.lock: /);
});
