import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";

import { afterAll, beforeAll, expect, test } from "vitest";

import { digestOf } from "../../src/artifact/digest.ts";
import type { Context } from "../../src/context.ts";
import { importedBakes, type Import } from "../../src/import/bakes.ts";
import { silent } from "../../src/report.ts";
import { requireProvenanceOf, requireStatement } from "../../src/verify/statement.ts";
import { stanzasOf } from "../../src/views/apt/stanza.ts";
import { goodControl, madeDeb, madeRpm, madeTarball, madeWheel } from "./made-files.ts";

let folder: string;

beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "kiln-import-"))));
afterAll(() => rmSync(folder, { recursive: true }));

const context: Context = {
  now: () => 0,
  signal: new AbortController().signal,
  report: silent,
  env: process.env,
  cwd: "/",
};

const bakesOf = (paths: readonly string[], more: Partial<Import> = {}) => importedBakes({ paths, ...more }, context);

const packageJson = (more: object = {}) =>
  JSON.stringify({ name: "@acme/tool", version: "1.2.3", license: "MIT", bin: "x.js", ...more });
const chartYaml = "apiVersion: v2\nname: web\nversion: 0.3.1\n";
const pkgInfo = "Metadata-Version: 1.0\nName: Old.Thing\nVersion: 0.9\n";

test("a .deb has the record of a baked one: its own fields, as they stand", async () => {
  const [bake] = await bakesOf([madeDeb(folder, "any-name.bin", goodControl)]);
  const { manifest } = bake as NonNullable<typeof bake>;
  expect(manifest).toMatchObject({
    name: "sample",
    version: "1!2.0-1",
    source: { commit: null, repository: null, recipe: "", time: 0 },
  });
  expect(manifest.artifacts).toMatchObject([
    { name: "deb", kind: "deb", platform: "linux-x64", file: "sample_2.0-1_amd64.deb" },
  ]);
  expect(stanzasOf(manifest)[0]?.text).toContain(
    "Package: sample\nArchitecture: amd64\nVersion: 1:2.0-1\nMaintainer: m <m@x.test>\nDepends: libc6 (>= 2.3), a | b\nDescription: first\n more\n .\n lines\nHomepage: https://x.test\nKiln-Release: sample@1!2.0-1\n",
  );
});

test("npm, wheel, sdist and chart are told by their content, whatever they are called", async () => {
  const bakes = await bakesOf([
    madeTarball(folder, "1.bin", { "package/package.json": packageJson(), "package/x.js": "1" }),
    madeWheel(folder, "2.bin"),
    madeTarball(folder, "3.bin", { "Old.Thing-0.9/PKG-INFO": pkgInfo, "Old.Thing-0.9/package.json": packageJson() }),
    madeTarball(folder, "4.bin", { "web/Chart.yaml": chartYaml, "web/package.json": packageJson() }),
  ]);
  expect(
    bakes.map(
      ({ manifest: { name, version, artifacts } }) => `${name}@${version} ${artifacts[0]?.kind} ${artifacts[0]?.file}`,
    ),
  ).toEqual([
    "acme-tool@1.2.3 npm acme-tool-1.2.3.tgz",
    "old-thing@0.9 sdist Old.Thing-0.9.tar.gz",
    "sample@1.0 wheel sample-1.0-py3-none-any.whl",
    "web@0.3.1 chart web-0.3.1.tgz",
  ]);
  expect(bakes[0]?.manifest.artifacts[0]?.record).toMatchObject({
    name: "@acme/tool",
    bin: { tool: "x.js" },
    dist: { fileCount: 2 },
  });
  expect(bakes[2]?.manifest.artifacts[0]?.record).toMatchObject({ name: "Sample", requires_dist: ["six"] });
  expect(bakes.map(({ isNamedByPackage }) => isNamedByPackage)).toEqual([true, true, true, true]);
});

test("an .rpm whose version has ~ and ^ keeps it; the release's has a + for the ^", async () => {
  const [bake] = await bakesOf([madeRpm(folder, "1.0~rc1^git20240101")]);
  expect(bake?.manifest).toMatchObject({
    name: "snapshot",
    version: "1.0~rc1+git20240101-1",
    artifacts: [{ file: "snapshot-1.0~rc1^git20240101-1.noarch.rpm", record: { version: "1.0~rc1^git20240101" } }],
  });
});

test("the statement says what is known and nothing else, and verification takes it for no provenance", async () => {
  const path = madeWheel(folder, "sample-1.0-py3-none-any.whl");
  const [bake] = await bakesOf([path], { origin: "https://vendor.test/w.whl", note: "by mail" });
  const { manifest, open } = bake as NonNullable<typeof bake>;
  const bytes = Buffer.concat(await Array.fromAsync(open(manifest.provenance)));
  const sha256 = digestOf(readFileSync(path));
  expect(JSON.parse(bytes.toString())).toEqual({
    _type: "https://in-toto.io/Statement/v1",
    subject: [{ name: "sample-1.0-py3-none-any.whl", digest: { sha256 } }],
    predicateType: "urn:kiln:import:v1",
    predicate: {
      origin: "https://vendor.test/w.whl",
      note: "by mail",
      files: [{ artifact: "wheel", name: "sample-1.0-py3-none-any.whl", sha256, size: manifest.artifacts[0]?.size }],
    },
  });
  const statement = requireStatement(bytes, { predicates: ["import"], sha256, where: "it" });
  requireProvenanceOf(manifest, statement, "it");
  const other = {
    ...manifest,
    imported: { ...(manifest.imported as NonNullable<typeof manifest.imported>), origin: "https://other.test" },
  };
  expect(() => requireProvenanceOf(other, statement, "it")).toThrow("other words");
  expect(() => requireStatement(bytes, { predicates: ["provenance"], sha256, where: "it" })).toThrow(
    "want https://slsa.dev",
  );
  const sbom = JSON.parse(
    Buffer.concat(await Array.fromAsync(open(manifest.artifacts[0]?.sbom as never))).toString(),
  ) as object;
  expect(sbom).toMatchObject({
    metadata: { component: { purl: "pkg:pypi/sample@1.0", licenses: [{ license: { id: "MIT" } }] } },
  });
  expect(sbom).not.toHaveProperty("metadata.timestamp");
});

test("files of one name and version are one release, whose identity depends on them alone", async () => {
  const files = [
    madeDeb(folder, "a.deb", goodControl),
    madeDeb(folder, "b.deb", goodControl.replace("amd64", "arm64")),
    madeDeb(folder, "c.deb", goodControl.replace("2.0-1", "2.0-2")),
  ];
  const bakes = await bakesOf(files);
  expect(bakes.map(({ manifest }) => manifest.artifacts.map(({ name }) => name))).toEqual([
    ["deb-linux-arm64", "deb-linux-x64"],
    ["deb"],
  ]);
  const again = await bakesOf(files.toReversed());
  expect(again.map(({ identity }) => identity)).toEqual(bakes.map(({ identity }) => identity));
  const [named] = await bakesOf(files.slice(0, 1), { name: "vendor", version: "7" });
  expect(named).not.toHaveProperty("isNamedByPackage");
  expect(named?.manifest).toMatchObject({
    name: "vendor",
    version: "7",
    artifacts: [{ file: "sample_2.0-1_amd64.deb" }],
  });
});

const cases: Readonly<Record<string, { make: (file: string) => string; want: string | RegExp }>> = {
  "a .deb that is cut off": { make: (file) => cut(madeDeb(folder, file, goodControl), 0.8), want: "cut off" },
  "a field that only an index has": {
    make: (file) => madeDeb(folder, file, `${goodControl}filename: pool/evil.deb\n`),
    want: "which only an index has",
  },
  "a field twice": {
    make: (file) => madeDeb(folder, file, `${goodControl}package: evil\n`),
    want: "the field package twice",
  },
  "a second paragraph": {
    make: (file) => madeDeb(folder, file, `${goodControl}\nPackage: evil\nVersion: 2\n`),
    want: "want NAME: VALUE",
  },
  "a package name that is none": {
    make: (file) => madeDeb(folder, file, goodControl.replace("sample", "../x")),
    want: "as Package",
  },
  "a version that is none": {
    make: (file) => madeDeb(folder, file, goodControl.replace("2.0-1", "v;x")),
    want: "as Version",
  },
  "a tarball that is cut off": {
    make: (file) => cut(madeTarball(folder, file, { "package/package.json": packageJson() }), 0.7),
    want: "gzip",
  },
  "a tarball whose tar is cut off": {
    make(file) {
      const path = madeTarball(folder, file, { "package/package.json": packageJson() });
      writeFileSync(path, gzipSync(gunzipSync(readFileSync(path)).subarray(0, 600)));
      return path;
    },
    want: "cut off",
  },
  "a path that leads out": {
    make(file) {
      const path = madeTarball(folder, file, { "package/package.json": packageJson(), "package/aa/x": "1" });
      const tar = gunzipSync(readFileSync(path));
      const at = tar.indexOf("package/aa/x");
      tar.write("package/../x", at, "latin1");
      tar.write("        ", at + 148, "latin1");
      const sum = tar.subarray(at, at + 512).reduce((total, byte) => total + byte, 0);
      tar.write(`${sum.toString(8).padStart(6, "0")}\0 `, at + 148, "latin1");
      writeFileSync(path, gzipSync(tar));
      return path;
    },
    want: "stay inside",
  },
  "an npm name that is none": {
    make: (file) => madeTarball(folder, file, { "package/package.json": packageJson({ name: "JSONStream" }) }),
    want: /name: got "JSONStream", want an npm package name: .*$/,
  },
  "an npm version that is none": {
    make: (file) => madeTarball(folder, file, { "package/package.json": packageJson({ version: "1" }) }),
    want: "semantic",
  },
  "a chart that is no YAML": { make: (file) => madeTarball(folder, file, { "web/Chart.yaml": "a: [" }), want: "Chart" },
  "a wheel that is cut off": { make: (file) => cut(madeWheel(folder, file), 0.5), want: "can't be read" },
  "a wheel with other bytes than RECORD has": {
    make: (file) => madeWheel(folder, file, { record: `sample.py,sha256=${"A".repeat(43)},6\n` }),
    want: "other bytes",
  },
  "an .rpm of nothing but its magic": {
    make(file) {
      const path = join(folder, file);
      writeFileSync(path, Buffer.concat([Buffer.from("edabeedb", "hex"), Buffer.alloc(600, 0xff)]));
      return path;
    },
    want: /rpm/,
  },
  "something else": {
    make(file) {
      const path = join(folder, file);
      writeFileSync(path, "hello");
      return path;
    },
    want: "no kind that can be imported",
  },
  "an empty file": {
    make(file) {
      const path = join(folder, file);
      writeFileSync(path, "");
      return path;
    },
    want: "no kind that can be imported",
  },
};

test.each(Object.entries(cases))("%s is one clear error", async (name, { make, want }) => {
  const path = make(`${name.replaceAll(" ", "-")}.file`);
  const error = await bakesOf([path]).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: "IMPORT_REFUSED" });
  expect((error as Error).message).toMatch(want);
  expect((error as Error).message).toContain(name.replaceAll(" ", "-"));
});

test("two files that would be the same artifact are refused", async () => {
  const first = madeDeb(folder, "same-1.deb", goodControl);
  const second = madeDeb(folder, "same-2.deb", `${goodControl}Section: x\n`);
  await expect(bakesOf([first, second])).rejects.toMatchObject({ code: "IMPORT_REFUSED" });
  expect(await bakesOf([first, first])).toHaveLength(1);
});

function cut(path: string, part: number): string {
  const bytes = readFileSync(path);
  writeFileSync(path, bytes.subarray(0, Math.floor(bytes.length * part)));
  return path;
}
