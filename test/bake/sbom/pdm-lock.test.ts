import { expect, test } from "vitest";

import { pdmLock } from "../../../src/bake/sbom/pdm-lock.ts";
import { brief, hash, readWith } from "./read.ts";

const lock = `
[metadata]
groups = ["default", "dev"]
lock_version = "4.5.0"
content_hash = "sha256:${hash("0")}"

[[package]]
name = "httpx"
version = "0.28"
groups = ["default"]
dependencies = ["idna", "certifi; sys_platform != \\"emscripten\\""]
files = [{file = "httpx-0.28-py3-none-any.whl", hash = "sha256:${hash("1")}"}]

[[package]]
name = "httpx"
version = "0.28"
extras = ["http2"]
groups = ["default"]
dependencies = ["h2<5", "httpx==0.28"]
files = [{file = "httpx-0.28-py3-none-any.whl", hash = "sha256:${hash("1")}"}]

[[package]]
name = "idna"
version = "3.20"
files = [{url = "https://packages.example/idna-3.20.tar.gz", hash = "sha256:${hash("2")}"}]

[[package]]
name = "h2"
version = "4.3"

[[package]]
name = "certifi"
version = "2026.1"

[[package]]
name = "pytest"
version = "9.0"
groups = ["dev"]
`;

test("pdm.lock: a package with extras is one package, with what they bring", () => {
  const pyproject =
    '[project]\ndependencies = ["httpx[http2]>=0.28"]\n[dependency-groups]\ndev = ["pytest", { include-group = "x" }]\n';
  const read = readWith(pdmLock, lock, { "pyproject.toml": pyproject });
  expect(read.uses).toEqual(["pkg:pypi/httpx@0.28", "pkg:pypi/pytest@9.0"]);
  expect(brief(read)).toMatchObject({
    httpx: { scope: "required", uses: ["pkg:pypi/certifi@2026.1", "pkg:pypi/h2@4.3", "pkg:pypi/idna@3.20"] },
    h2: { scope: "required" },
    pytest: { scope: "excluded" },
  });
  expect(read.packages.map(({ files }) => files)).toEqual([
    [{ name: "httpx-0.28-py3-none-any.whl", hashes: { sha256: hash("1") } }],
    [{ name: "idna-3.20.tar.gz", hashes: { sha256: hash("2") } }],
    [],
    [],
    [],
  ]);
});

test("pdm.lock: without pyproject.toml, what nobody uses is what the project wants", () => {
  expect(readWith(pdmLock, lock).uses).toEqual(["pkg:pypi/httpx@0.28", "pkg:pypi/pytest@9.0"]);
});

test("pdm.lock: what can't be read is refused, and the error names the file", () => {
  expect(() => readWith(pdmLock, "[[package]]\n")).toThrow(/^pdm\.lock: /);
});
