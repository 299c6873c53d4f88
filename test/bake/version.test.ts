// A version that a format can't have is refused when the bake is planned, before anything runs.

import { execFileSync } from "node:child_process";
import { join } from "node:path";

import { expect, test } from "vitest";

import { makeProject } from "./made-project.ts";

const project = (version: string) => {
  const made = makeProject({
    recipe: "artifacts: { app: { kind: archive, from: . } }\n",
    files: { "package.json": JSON.stringify({ name: "a", version: "0.0.0" }) },
  });
  made.repository.commit({
    "kiln.yaml": `kiln: 1\nname: a\nversion: ${version}\nbuild: [touch a]\nartifacts: { app: { kind: archive, from: . }, lib: { kind: npm } }\n`,
  });
  return made;
};

test("it names the format", async () => {
  await expect(project('{ from: static, value: "2026.11" }').prepare({}, () => Promise.resolve())).rejects.toThrow(
    expect.objectContaining({
      code: "VERSION_UNMAPPABLE",
      message: "version for npm: got 2026.11, want MAJOR.MINOR.PATCH, as in 1.2.3 or 1.2.0-rc.1",
      hint: expect.stringContaining("`lossy`"),
    }),
  );
});

test("the recipe may allow the loss, for the formats that it names", async () => {
  const lossy = project('{ from: static, value: "2026.11", lossy: [npm] }');
  const { manifest } = await lossy.bake();
  expect(manifest.version).toBe("2026.11");
  expect(manifest.artifacts.map(({ file }) => file).toSorted()).toEqual(["a-2026.11.0.tgz", "a-app-2026.11.tar.zst"]);
  const other = project('{ from: static, value: "2026.11", lossy: [deb] }');
  await expect(other.prepare({}, () => Promise.resolve())).rejects.toThrow(
    expect.objectContaining({ code: "VERSION_UNMAPPABLE" }),
  );
});

test("deb and rpm have epoch, pre-release, post release and revision where their tools look for them", async () => {
  const made = makeProject({ recipe: "artifacts: { app: { kind: archive, from: . } }\n", files: { a: "a" } });
  made.repository.commit({
    "kiln.yaml": [
      "kiln: 1",
      "name: sample",
      'version: { from: static, value: "1!1.2.0-rc.1+post.2.rev.3" }',
      "artifacts:",
      "  deb: { kind: deb, files: { /usr/share/sample/a: a }, maintainer: Kiln examples <examples@kiln.invalid> }",
      "  rpm: { kind: rpm, license: MIT, files: { /usr/share/sample/a: a } }",
    ].join("\n"),
  });
  const { folder, manifest } = await made.bake();
  const [deb = "", rpm = ""] = manifest.artifacts.map(({ file }) => file);
  expect(deb).toBe("sample_1.2.0~rc.1+post.2-3_all.deb");
  expect(execFileSync("dpkg-deb", ["--field", join(folder, deb), "Version"], { encoding: "utf8" })).toBe(
    "1:1.2.0~rc.1+post.2-3\n",
  );
  expect(rpm).toBe("sample-1.2.0~rc.1+post.2-3.noarch.rpm");
  const format = "%{EPOCH}:%{VERSION}-%{RELEASE}";
  expect(execFileSync("rpm", ["-qp", "--qf", format, join(folder, rpm)], { encoding: "utf8" })).toBe(
    "1:1.2.0~rc.1+post.2-3",
  );
});

test("a development release is one that rpmbuild takes", async () => {
  const made = makeProject({ recipe: "artifacts: { app: { kind: archive, from: . } }\n", files: { a: "a" } });
  made.repository.commit({
    "kiln.yaml":
      "kiln: 1\nname: sample\nversion: { from: tag }\nartifacts: { rpm: { kind: rpm, license: MIT, files: { /usr/share/sample/a: a } } }\n",
  });
  const { manifest } = await made.bake();
  expect(manifest.artifacts[0]?.file).toMatch(/^sample-0\.0\.0~~dev\.2\.g[0-9a-f]{12}-1\.noarch\.rpm$/);
});
