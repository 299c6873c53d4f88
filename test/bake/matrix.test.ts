import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { arch } from "node:os";
import { join } from "node:path";

import { expect, test } from "vitest";

import { digestOf } from "../../src/artifact/digest.ts";
import { blobsOf, type Manifest, manifestBytes } from "../../src/artifact/manifest.ts";
import { joinBakes } from "../../src/commands/join-bakes.ts";
import { isKilnError } from "../../src/errors.ts";
import { openBakeFolder } from "../../src/publish/bake-folder.ts";
import { makeProject } from "./made-project.ts";

const recipe = `
matrix: { suite: [bookworm, trixie], level: [low, high] }
env: { SUITE: "\${matrix.suite}" }
build: [mkdir dist, 'echo "$SUITE \${matrix.level}" > dist/about']
checks: [{ name: unit, run: 'echo "<testsuite name=\\"a\\"><testcase name=\\"b\\"/></testsuite>" > junit.xml', report: junit.xml }]
artifacts: { app: { kind: archive, from: dist } }
`;

const names = ["app-bookworm-high", "app-bookworm-low", "app-trixie-high", "app-trixie-low"];

function contentOf(folder: string, manifest: Manifest, name: string): string {
  const file = manifest.artifacts.find((artifact) => artifact.name === name)?.file ?? "";
  return execFileSync("tar", ["--zstd", "-xOf", join(folder, file), "about"], { encoding: "utf8" });
}

async function refusal(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (isKilnError(error)) return `${error.code}: ${error.message}`;
  throw new Error(`got ${String(error)}, want a KilnError`);
}

test("a matrix is one release: its manifest, artifacts and provenance are those of all cells", async () => {
  const project = makeProject({ recipe });
  const { folder, manifest, identity } = await project.bake();
  expect(manifest.artifacts.map(({ name }) => name)).toEqual(names);
  expect(contentOf(folder, manifest, "app-trixie-high")).toBe("trixie high\n");
  expect(contentOf(folder, manifest, "app-bookworm-low")).toBe("bookworm low\n");
  expect(digestOf(manifestBytes(manifest))).toBe(identity);
  expect(manifest.missing).toBeUndefined();
  expect(manifest.cells?.map(({ values, artifacts }) => [values, artifacts])).toEqual([
    [{ suite: "bookworm", level: "high" }, ["app-bookworm-high"]],
    [{ suite: "trixie", level: "high" }, ["app-trixie-high"]],
    [{ suite: "bookworm", level: "low" }, ["app-bookworm-low"]],
    [{ suite: "trixie", level: "low" }, ["app-trixie-low"]],
  ]);
  const provenance = JSON.parse(readFileSync(join(folder, manifest.provenance.file), "utf8"));
  expect(provenance.subject.map(({ name }: { name: string }) => name)).toEqual(
    manifest.artifacts.map(({ file }) => file),
  );
  const { externalParameters, internalParameters } = provenance.predicate.buildDefinition;
  expect(externalParameters.cells).toHaveLength(4);
  expect(externalParameters.cells).toContainEqual({
    cell: { suite: "bookworm", level: "high" },
    env: { SUITE: "bookworm" },
  });
  expect(internalParameters.cells).toContainEqual(expect.objectContaining({ bakeKey: manifest.cells?.[3]?.bakeKey }));
  for (const { file, sha256 } of blobsOf(manifest)) expect(digestOf(readFileSync(join(folder, file)))).toBe(sha256);
  expect(readdirSync(join(folder, "logs")).toSorted()).toEqual([
    "level=high,suite=bookworm",
    "level=high,suite=trixie",
    "level=low,suite=bookworm",
    "level=low,suite=trixie",
  ]);
  expect(await project.bake()).toMatchObject({ identity, cached: true, folder });
});

test("cells that were baked apart are the same release once they are together, in any order", async () => {
  const whole = await makeProject({ recipe }).bake();
  const [one, two] = [makeProject({ recipe }), makeProject({ recipe, folder: "another machine" })];
  const bookworm = await one.bake({ cell: "suite=bookworm" });
  const folders = [
    bookworm.folder,
    (await two.bake({ cell: "suite=trixie,level=low" })).folder,
    (await two.bake({ cell: "suite=trixie,level=high" })).folder,
  ];
  expect(bookworm.manifest.missing).toEqual([
    { suite: "trixie", level: "low" },
    { suite: "trixie", level: "high" },
  ]);
  for (const order of [folders, folders.toReversed()]) {
    const bakes = await Promise.all(order.map(openBakeFolder));
    const joined = await joinBakes(bakes, order);
    expect(joined.identity).toBe(whole.identity);
    for (const blob of blobsOf(joined.manifest)) {
      const bytes = Buffer.concat(await Array.fromAsync(joined.open(blob)));
      expect(digestOf(bytes)).toBe(blob.sha256);
    }
  }
});

test("what doesn't make one release is refused", async () => {
  const project = makeProject({ recipe });
  const [low, high] = [await project.bake({ cell: "level=low" }), await project.bake({ cell: "level=high" })];
  const joined = async (...folders: string[]) => joinBakes(await Promise.all(folders.map(openBakeFolder)), folders);
  expect(await refusal(joined(low.folder))).toBe(
    "BAKE_MISMATCH: sample@1.2.3: got a bake without level=high,suite=bookworm and level=high,suite=trixie, want all cells of the matrix",
  );
  expect(await refusal(joined(low.folder, low.folder))).toContain("got the cell level=low,suite=bookworm, which");
  project.repository.commit({ other: "file" });
  const later = await project.bake({ cell: "level=high" });
  expect(await refusal(joined(low.folder, later.folder))).toMatch(/^BAKE_MISMATCH: .*: source: got .*, want .* as in /);
  expect((await joined(low.folder, high.folder)).manifest.artifacts).toHaveLength(4);
});

test("two cells with a file of one name are refused", async () => {
  const bad =
    "matrix: { suite: [bookworm, trixie] }\nartifacts: { app: { kind: deb, files: { /usr/share/x: kiln.yaml } } }\n";
  expect(await refusal(makeProject({ recipe: bad }).bake())).toBe(
    "ARTIFACT_INVALID: sample_1.2.3_all.deb: got this file from two cells, want one each",
  );
});

test("a cell for another architecture is baked on such a machine; another axis is the recipe's own business", async () => {
  const other = arch() === "arm64" ? "amd64" : "arm64";
  const project = makeProject({
    recipe: recipe.replace("level: [low, high]", `architecture: [${other}]`).replace("${matrix.level}", ""),
  });
  expect(await refusal(project.bake())).toMatch(
    new RegExp(`^CELL_ELSEWHERE: the cell architecture=${other},suite=bookworm: got a machine of \\w+, want ${other}$`),
  );
});

test("--twice checks every cell", async () => {
  const clock = recipe.replace('echo "$SUITE', 'test $SUITE = bookworm || date +%s > dist/x; echo "$SUITE');
  const message = await refusal(makeProject({ recipe: clock }).bake({ check: "twice" }));
  expect(message).toMatch(/^NOT_REPRODUCIBLE: app-trixie-low .*: x differs from byte/);
});
