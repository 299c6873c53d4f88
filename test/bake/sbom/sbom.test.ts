import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { Spec, Validation } from "@cyclonedx/cyclonedx-library";
import { expect, test } from "vitest";

import { sbomOf, type SbomInput } from "../../../src/bake/sbom/sbom.ts";
import { temporaryFolder } from "../../system/made-repository.ts";

const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);

function input(source: string, more: Partial<SbomInput["packed"]> = {}): SbomInput {
  const packed = {
    file: "app-1.0.0.tar.zst",
    platform: "any",
    record: {},
    purl: "pkg:generic/app@1.0.0",
    from: [join(source, "dist")],
    requires: [],
    ...more,
  };
  const release = { name: "app", version: "1.0.0" };
  return { packed, kind: "archive", sha256: "ab".repeat(32), release, time: 1_700_000_000, source, kiln: "0.1.0" };
}

interface Bom {
  readonly serialNumber: string;
  readonly components?: readonly { readonly name: string; readonly licenses?: unknown }[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn?: readonly string[] }[];
  readonly compositions?: unknown;
  readonly metadata: { readonly timestamp: string; readonly component: unknown };
}

async function bomOf(given: SbomInput): Promise<Bom> {
  const text = Buffer.from(sbomOf(given).bytes).toString("utf8");
  expect(await validator.validate(text)).toBeNull();
  return JSON.parse(text) as Bom;
}

function lockedProject(packages: Record<string, unknown>): string {
  const source = temporaryFolder();
  mkdirSync(join(source, "dist"));
  writeFileSync(join(source, "package-lock.json"), JSON.stringify({ lockfileVersion: 3, packages }));
  return source;
}

test("the real tree of this project's own lock file is valid CycloneDX 1.6, and all that is used is there", async () => {
  const own = new URL("../../../package-lock.json", import.meta.url).pathname;
  const source = temporaryFolder();
  mkdirSync(join(source, "dist"));
  writeFileSync(join(source, "package-lock.json"), readFileSync(own));
  const bom = await bomOf(input(source));
  expect(bom.components?.length).toBeGreaterThan(50);
  const refs = new Set(bom.dependencies.map(({ ref }) => ref));
  for (const { dependsOn = [] } of bom.dependencies) for (const ref of dependsOn) expect(refs).toContain(ref);
  const zod = bom.components?.find(({ name }) => name === "zod");
  expect(zod).toMatchObject({ scope: "required", licenses: [{ license: { id: "MIT" } }] });
  expect(bom.components?.find(({ name }) => name === "vitest")).toMatchObject({ scope: "excluded" });
});

test("licences are SPDX ids, expressions, or names, as what they are", async () => {
  const source = lockedProject({
    "": { dependencies: { a: "*", b: "*", c: "*" } },
    "node_modules/a": { version: "1.0.0", license: "MIT" },
    "node_modules/b": { version: "1.0.0", license: "(MIT OR Apache-2.0)" },
    "node_modules/c": { version: "1.0.0", license: "SEE LICENSE IN FILE" },
  });
  const licenses = (await bomOf(input(source))).components?.map((component) => component.licenses);
  expect(licenses).toEqual([
    [{ license: { id: "MIT" } }],
    [{ expression: "(MIT OR Apache-2.0)" }],
    [{ license: { name: "SEE LICENSE IN FILE" } }],
  ]);
});

test("without a lock file the content is said to be unknown; with one it isn't", async () => {
  const bare = temporaryFolder();
  mkdirSync(join(bare, "dist"));
  const unknown = await bomOf(input(bare));
  expect(unknown.components ?? []).toEqual([]);
  expect(unknown.compositions).toEqual([{ aggregate: "unknown", assemblies: ["artifact"] }]);
  expect((await bomOf(input(lockedProject({ "": {} })))).compositions).toBeUndefined();
});

test("the nearest lock file counts, and never one above the source", async () => {
  const outer = lockedProject({ "": { dependencies: { no: "*" } }, "node_modules/no": { version: "1.0.0" } });
  const source = join(outer, "source");
  mkdirSync(join(source, "dist/inner"), { recursive: true });
  expect((await bomOf(input(source))).components ?? []).toEqual([]);
  const inner = { "": { dependencies: { yes: "*" } }, "node_modules/yes": { version: "1.0.0" } };
  writeFileSync(join(source, "dist/package-lock.json"), JSON.stringify({ lockfileVersion: 3, packages: inner }));
  const bom = await bomOf(input(source, { from: [join(source, "dist/inner")] }));
  expect(bom.components?.map(({ name }) => name)).toEqual(["yes"]);
});

test("what a package requires of its system is among what it depends on", async () => {
  const source = temporaryFolder();
  mkdirSync(join(source, "dist"));
  const bom = await bomOf(input(source, { requires: ["pkg:deb/debian/nodejs", "pkg:deb/debian/nodejs"] }));
  expect(bom.dependencies.find(({ ref }) => ref === "artifact")?.dependsOn).toEqual(["pkg:deb/debian/nodejs"]);
});

test("the same artifact and source give the same bytes; another artifact another serial number", async () => {
  const source = lockedProject({ "": { dependencies: { a: "*" } }, "node_modules/a": { version: "1.0.0" } });
  expect(sbomOf(input(source))).toEqual(sbomOf(input(source)));
  const other = await bomOf({ ...input(source), sha256: "cd".repeat(32) });
  const first = await bomOf(input(source));
  expect(other.serialNumber).not.toBe(first.serialNumber);
  expect(first.serialNumber).toMatch(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(first.metadata.timestamp).toBe("2023-11-14T22:13:20.000Z");
});

test("a lock file that a build made a link is none: it may lead to a file of the host", async () => {
  const outside = lockedProject({ "": { dependencies: { no: "*" } }, "node_modules/no": { version: "1.0.0" } });
  const source = temporaryFolder();
  mkdirSync(join(source, "dist"));
  symlinkSync(join(outside, "package-lock.json"), join(source, "package-lock.json"));
  expect((await bomOf(input(source))).components ?? []).toEqual([]);
});

test("a file's lock file is the one beside it", async () => {
  const source = lockedProject({ "": { dependencies: { yes: "*" } }, "node_modules/yes": { version: "1.0.0" } });
  writeFileSync(join(source, "app.js"), "");
  const bom = await bomOf(input(source, { from: [join(source, "app.js")] }));
  expect(bom.components?.map(({ name }) => name)).toEqual(["yes"]);
});

test("lock files of several languages in one folder all count; of one language the first that its tools would use", async () => {
  const source = lockedProject({ "": { dependencies: { a: "*" } }, "node_modules/a": { version: "1.0.0" } });
  writeFileSync(join(source, "requirements.txt"), `b==1.0 --hash=sha256:${"1".repeat(64)}\n`);
  writeFileSync(join(source, "poetry.lock"), `[[package]]\nname = "c"\nversion = "1.0"\n`);
  writeFileSync(join(source, "go.sum"), `git.example/d v1.0.0 h1:${Buffer.alloc(32).toString("base64")}\n`);
  const { lockFiles } = sbomOf(input(source));
  expect(lockFiles).toEqual(["package-lock.json", "poetry.lock", "go.sum"]);
  const bom = await bomOf(input(source));
  expect(bom.components?.map(({ name }) => name).toSorted()).toEqual(["a", "c", "d"]);
  expect(bom.compositions).toBeUndefined();
});

test("a digest is the package's where there is one file, and each file's where there are several", async () => {
  const source = temporaryFolder();
  mkdirSync(join(source, "dist"));
  const hashes = ["1", "2"].map((digit) => `--hash=sha256:${digit.repeat(64)}`);
  writeFileSync(join(source, "requirements.txt"), `one==1 ${hashes[0]}\ntwo==2 ${hashes.join(" ")}\n`);
  const bom = await bomOf(input(source));
  const [one, two] = (bom.components ?? []) as readonly Record<string, unknown>[];
  expect(one).toMatchObject({ name: "one", hashes: [{ alg: "SHA-256", content: "1".repeat(64) }] });
  expect(one?.["externalReferences"]).toBeUndefined();
  expect(two?.["hashes"]).toBeUndefined();
  expect(two?.["externalReferences"]).toEqual(
    ["1", "2"].map((digit) => ({
      type: "distribution",
      url: "pkg:pypi/two@2",
      hashes: [{ alg: "SHA-256", content: digit.repeat(64) }],
    })),
  );
});

test("a lock file that leaves something open makes the content incomplete", async () => {
  const source = temporaryFolder();
  mkdirSync(join(source, "dist"));
  writeFileSync(join(source, "requirements.txt"), "one==1\nmore>=2\n");
  expect((await bomOf(input(source))).compositions).toEqual([{ aggregate: "incomplete", assemblies: ["artifact"] }]);
});

test("what an installer brings is required, what it may bring is optional, what is both is required", async () => {
  const source = temporaryFolder();
  mkdirSync(join(source, "dist"));
  const [libc, man, both] = ["pkg:deb/debian/libc6", "pkg:deb/debian/man-db", "pkg:rpm/bash"];
  const bom = await bomOf(input(source, { requires: [libc, both], recommends: [man, both] }));
  const scopes = (bom.components ?? []).map((one) => [one.name, (one as unknown as { scope: string }).scope]);
  expect(Object.fromEntries(scopes)).toEqual({ libc6: "required", bash: "required", "man-db": "optional" });
});

test("what an installer brings and a lock file pins is one component, with its version", async () => {
  const source = temporaryFolder();
  mkdirSync(join(source, "dist"));
  writeFileSync(join(source, "requirements.txt"), "one==1\ntwo==2\n    # via one\n");
  const bom = await bomOf(input(source, { requires: ["pkg:pypi/two", "pkg:pypi/three"] }));
  expect(bom.components?.map(({ name }) => name)).toEqual(["one", "three", "two"]);
  expect(bom.dependencies.find(({ ref }) => ref === "artifact")?.dependsOn).toEqual([
    "pkg:pypi/one@1",
    "pkg:pypi/three",
    "pkg:pypi/two@2",
  ]);
});

test("a base is an assembly named by its digest, with its packages in it, and no part of the artifact", async () => {
  const source = lockedProject({ "": {} });
  const materials = [
    { name: "InRelease of debian bookworm", sha256: "1".repeat(64) },
    { name: "libc6", version: "2.36-9", uri: "pkg:deb/debian/libc6@2.36-9?arch=amd64", sha256: "2".repeat(64) },
  ];
  const base = { title: "debian bookworm amd64", digest: "3".repeat(64), materials };
  const bom = await bomOf({ ...input(source), base });
  expect(bom.components).toMatchObject([
    {
      name: "debian bookworm amd64",
      type: "operating-system",
      version: `sha256:${"3".repeat(64)}`,
      scope: "excluded",
      components: [
        { name: "InRelease of debian bookworm", type: "file" },
        { name: "libc6", version: "2.36-9", purl: "pkg:deb/debian/libc6@2.36-9?arch=amd64" },
      ],
    },
  ]);
  expect(bom.dependencies.find(({ ref }) => ref === "artifact")?.dependsOn ?? []).toEqual([]);
});
