import { expect, test } from "vitest";

import { manifestVersion } from "../../src/recipe/manifest-version.ts";

const read = (content: Readonly<Record<string, string>>) => (path: string) =>
  Promise.resolve(content[path] === undefined ? undefined : Buffer.from(content[path]));

test.each([
  ["package.json", '{"version": "1.2.0-rc.1"}', "1.2.0-rc.1"],
  ["pyproject.toml", '[project]\nversion = "1.2.0rc1"\n', "1.2.0-rc.1"],
  ["pyproject.toml", '[project]\nversion = "1.2.0.post2"\n', "1.2.0+post.2"],
  ["pyproject.toml", '[tool.poetry]\nversion = "1!2.0.dev3"\n', "1!2.0-0.dev.3"],
  ["setup.cfg", "[metadata]\nname = a\nversion = 1.2.0rc1\n\n[options]\nversion = 9\n", "1.2.0-rc.1"],
  ["setup.cfg", "[options]\nversion = 9\n[metadata]\r\nversion: 1.2.3\r\n", "1.2.3"],
  ["setup.cfg", "[metadata]\nversion = file: VERSION\n", "4.5.6"],
  ["Chart.yaml", "apiVersion: v2\nname: a\nversion: 1.2.3+b.1\nappVersion: 9.9.9\n", "1.2.3+b.1"],
  ["Chart.yaml", "apiVersion: v2\nname: a\nversion: v1.2.3\n", "1.2.3"],
  [
    "debian/changelog",
    "a (1:1.2.0~rc1-2) unstable; urgency=low\n\n  * x\n\na (0.9-1) unstable; urgency=low\n",
    "1!1.2.0-rc.1+rev.2",
  ],
  ["debian/changelog", "a (1.2.3) bookworm; urgency=medium\n", "1.2.3"],
  ["member/Cargo.toml", '[package]\nname = "a"\nversion.workspace = true\n', "7.0.0"],
])("%s: %j", async (path, text, version) => {
  const files = read({ [path]: text, VERSION: "4.5.6\n", "Cargo.toml": '[workspace.package]\nversion = "7.0.0"\n' });
  expect(await manifestVersion(path, files)).toBe(version);
});

test.each([
  ["pyproject.toml", '[project]\ndynamic = ["version"]\n', /got a version that is dynamic/],
  ["pyproject.toml", '[project]\nversion = "one"\n', /got "one", want a version by PEP 440/],
  [
    "setup.cfg",
    "[metadata]\nversion = attr: a.__version__\n",
    /got version = attr: a.__version__, which Python computes/,
  ],
  ["setup.cfg", "[metadata]\nversion = file: none\n", /^none: got no such file/],
  ["setup.cfg", "[flake8]\nmax-line-length = 120\n", /got no version/],
  ["Chart.yaml", "version: 1.2\n", /got no version/],
  ["Chart.yaml", "version: &a 1.2.3\n", /^Chart.yaml:1: got the anchor/],
  ["debian/changelog", "a (1.2.3-1ubuntu2) jammy; urgency=low\n", /got 1.2.3-1ubuntu2, want/],
  ["debian/changelog", "nothing\n", /got no version/],
  ["member/Cargo.toml", "[package]\nversion.workspace = true\n", /no \[workspace.package\] above/],
])("%s without one: %j", async (path, text, message) => {
  await expect(manifestVersion(path, read({ [path]: text }))).rejects.toThrow(
    expect.objectContaining({ code: "VERSION_UNRESOLVED", message: expect.stringMatching(message) }),
  );
});

test("files of settings count only where there is no manifest", async () => {
  const cfg = "[metadata]\nversion = 2.0.0\n";
  expect(await manifestVersion(undefined, read({ "package.json": '{"version":"1.0.0"}', "setup.cfg": cfg }))).toBe(
    "1.0.0",
  );
  expect(await manifestVersion(undefined, read({ "setup.cfg": cfg }))).toBe("2.0.0");
});
