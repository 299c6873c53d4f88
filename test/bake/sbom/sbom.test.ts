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
