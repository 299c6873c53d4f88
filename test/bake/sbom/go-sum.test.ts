import { expect, test } from "vitest";

import { goSum } from "../../../src/bake/sbom/go-sum.ts";
import { readWith } from "./read.ts";

const h1 = (byte: number): string => `h1:${Buffer.alloc(32, byte).toString("base64")}`;
const lock = `git.example/a/b v1.2.3 ${h1(1)}
git.example/a/b v1.2.3/go.mod ${h1(2)}
git.example/c/v2 v2.0.0+incompatible ${h1(3)}
git.example/only v1.0.0/go.mod ${h1(4)}
`;

test("go.sum: modules that are built in, with the digest of their trees; go.mod says what the project wants", () => {
  const read = readWith(goSum, lock, {
    "go.mod":
      "module x\n\ngo 1.24\n\nrequire git.example/a/b v1.2.3\n\nrequire (\n\tgit.example/other v1.0.0 // indirect\n)\n",
  });
  expect(read.uses).toEqual(["pkg:golang/git.example/a/b@v1.2.3"]);
  expect(read.packages.map(({ purl, files }) => [purl, files])).toEqual([
    ["pkg:golang/git.example/a/b@v1.2.3", [{ hashes: { dirHash: "01".repeat(32) } }]],
    ["pkg:golang/git.example/c/v2@v2.0.0+incompatible", [{ hashes: { dirHash: "03".repeat(32) } }]],
  ]);
});

test("go.sum: without go.mod the project wants all", () => {
  expect(readWith(goSum, lock).uses).toHaveLength(2);
});

test("go.sum: a line that is none is refused, and the error names the file", () => {
  expect(() => readWith(goSum, "git.example/a v1.0.0 h1:short\n")).toThrow(/^go\.sum: got the line/);
});
