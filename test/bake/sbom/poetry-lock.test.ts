import { expect, test } from "vitest";

import { poetryLock } from "../../../src/bake/sbom/poetry-lock.ts";
import { brief, hash, readWith } from "./read.ts";

const lock = `
[[package]]
name = "Jinja2"
version = "3.1.6"
description = "templates"
optional = false
python-versions = ">=3.7"
groups = ["main"]
files = [
    {file = "jinja2-3.1.6-py3-none-any.whl", hash = "sha256:${hash("1")}"},
    {file = "jinja2-3.1.6.tar.gz", hash = "sha256:${hash("2")}"},
]

[package.dependencies]
MarkupSafe = ">=2.0"
Babel = {version = ">=2.7", optional = true}

[[package]]
name = "markupsafe"
version = "3.0.4"
files = [{file = "markupsafe-3.0.4.tar.gz", hash = "sha256:${hash("3")}"}]

[[package]]
name = "pytest"
version = "9.0"
files = []

[package.dependencies]
pluggy = "*"

[[package]]
name = "pluggy"
version = "1.7"
files = []

[[package]]
name = "rich"
version = "15.0"
optional = true
files = []

[metadata]
lock-version = "2.1"
content-hash = "${hash("0")}"
`;

const pyproject = `
[project]
dependencies = ["jinja2 (>=3)"]
[project.optional-dependencies]
pretty = ["rich"]
[tool.poetry.group.test.dependencies]
pytest = "^9"
`;

const older = `
[tool.poetry.dependencies]
python = "^3.11"
Jinja2 = "^3"
rich = { version = "*", optional = true }
[tool.poetry.dev-dependencies]
pytest = "^9"
`;

test.each([
  ["the standard's tables", pyproject],
  ["Poetry's own tables", older],
])("poetry.lock: pyproject.toml says what the project wants and why, in %s", (_, text) => {
  const read = readWith(poetryLock, lock, { "pyproject.toml": text });
  expect(read.uses).toEqual(["pkg:pypi/jinja2@3.1.6", "pkg:pypi/pytest@9.0", "pkg:pypi/rich@15.0"]);
  expect(brief(read)).toEqual({
    jinja2: { purl: "pkg:pypi/jinja2@3.1.6", scope: "required", uses: ["pkg:pypi/markupsafe@3.0.4"] },
    markupsafe: { purl: "pkg:pypi/markupsafe@3.0.4", scope: "required", uses: [] },
    pytest: { purl: "pkg:pypi/pytest@9.0", scope: "excluded", uses: ["pkg:pypi/pluggy@1.7"] },
    pluggy: { purl: "pkg:pypi/pluggy@1.7", scope: "excluded", uses: [] },
    rich: { purl: "pkg:pypi/rich@15.0", scope: "optional", uses: [] },
  });
  expect(read.packages[0]?.files).toEqual([
    { name: "jinja2-3.1.6-py3-none-any.whl", hashes: { sha256: hash("1") } },
    { name: "jinja2-3.1.6.tar.gz", hashes: { sha256: hash("2") } },
  ]);
});

test("poetry.lock: without pyproject.toml, what nobody uses is what the project wants", () => {
  const read = readWith(poetryLock, lock);
  expect(read.uses).toEqual(["pkg:pypi/jinja2@3.1.6", "pkg:pypi/pytest@9.0", "pkg:pypi/rich@15.0"]);
  expect(read.packages.every(({ scope }) => scope === "required")).toBe(true);
});

test("poetry.lock: files of the older format stand at its end", () => {
  const text = `[[package]]\nname = "a"\nversion = "1"\n[metadata.files]\na = [{file = "a-1.tar.gz", hash = "sha256:${hash("4")}"}]\n`;
  expect(readWith(poetryLock, text).packages[0]?.files).toEqual([
    { name: "a-1.tar.gz", hashes: { sha256: hash("4") } },
  ]);
});

test("poetry.lock: what can't be read is refused, and the error names the file", () => {
  expect(() => readWith(poetryLock, "[[package]]\nname = 1\n")).toThrow(/^poetry\.lock: /);
  expect(() => readWith(poetryLock, lock, { "pyproject.toml": "=" })).toThrow(/^pyproject\.toml beside poetry\.lock: /);
});
