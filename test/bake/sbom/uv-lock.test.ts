import { expect, test } from "vitest";

import { uvLock } from "../../../src/bake/sbom/uv-lock.ts";
import { brief, hash, readWith } from "./read.ts";

const registry = 'source = { registry = "https://packages.example/simple" }';

const lock = `
version = 1
revision = 3
requires-python = ">=3.11"

[[package]]
name = "sample"
version = "1.0.0"
source = { editable = "." }
dependencies = [{ name = "requests", extra = ["socks"] }, { name = "Flask_Login", marker = "sys_platform == 'linux'" }]

[package.optional-dependencies]
pretty = [{ name = "rich" }]

[package.dev-dependencies]
dev = [{ name = "pytest" }]

[[package]]
name = "requests"
version = "2.34.2"
${registry}
dependencies = [{ name = "idna", version = "3.20" }]
sdist = { url = "https://packages.example/a/requests-2.34.2.tar.gz", hash = "sha256:${hash("1")}", size = 3 }
wheels = [{ url = "https://packages.example/b/requests-2.34.2-py3-none-any.whl?x=1", hash = "sha256:${hash("2")}" }]

[package.optional-dependencies]
socks = [{ name = "pysocks" }]
unused = [{ name = "rich" }]

[[package]]
name = "idna"
version = "3.20"
${registry}

[[package]]
name = "idna"
version = "2.0"
${registry}

[[package]]
name = "pysocks"
version = "1.7.1"
${registry}

[[package]]
name = "flask-login"
version = "0.6"
source = { git = "https://token@git.example/flask-login?rev=main#0123" }

[[package]]
name = "rich"
version = "15.0.0"
${registry}

[[package]]
name = "pytest"
version = "9.0"
${registry}
dependencies = [{ name = "idna", version = "2.0" }]
`;

test("uv.lock: who uses whom, with what is asked for of extras; the project itself is no package of its own", () => {
  const read = readWith(uvLock, lock);
  const login = "pkg:pypi/flask-login@0.6?vcs_url=git%2Bhttps%3A%2F%2Fgit.example%2Fflask-login%3Frev%3Dmain%230123";
  expect(read.uses).toEqual([login, "pkg:pypi/pytest@9.0", "pkg:pypi/requests@2.34.2", "pkg:pypi/rich@15.0.0"]);
  expect(read.packages.map(({ name }) => name)).not.toContain("sample");
  expect(brief(read)).toMatchObject({
    requests: { scope: "required", uses: ["pkg:pypi/idna@3.20", "pkg:pypi/pysocks@1.7.1"] },
    pysocks: { scope: "required" },
    "flask-login": { scope: "required", purl: login },
    rich: { scope: "optional" },
    pytest: { scope: "excluded", uses: ["pkg:pypi/idna@2.0"] },
  });
  const scopes = read.packages.filter(({ name }) => name === "idna").map(({ version, scope }) => [version, scope]);
  expect(scopes).toEqual([
    ["3.20", "required"],
    ["2.0", "excluded"],
  ]);
});

test("uv.lock: each file that may be installed has its name and its digest", () => {
  expect(readWith(uvLock, lock).packages.find(({ name }) => name === "requests")?.files).toEqual([
    { name: "requests-2.34.2-py3-none-any.whl", hashes: { sha256: hash("2") } },
    { name: "requests-2.34.2.tar.gz", hashes: { sha256: hash("1") } },
  ]);
});

test.each([
  ["text that isn't TOML", "version = "],
  ["another version of the format", "version = 2\n"],
  ["a name that is none", `version = 1\n[[package]]\nname = "../x"\nversion = "1"\n${registry}\n`],
  ["a version that is none", `version = 1\n[[package]]\nname = "x"\nversion = "1 2"\n${registry}\n`],
])("uv.lock: %s is refused, and the error names the file", (_, text) => {
  expect(() => readWith(uvLock, text)).toThrow(/^uv\.lock: /);
});
