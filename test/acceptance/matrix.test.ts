import { join } from "node:path";

import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";

import {
  commit,
  emptyScene,
  expectRefused,
  git,
  kiln,
  kilnDone,
  recipe,
  removeScene,
  type Scene,
  staticVersion,
} from "../fixtures/scene.ts";

// One release whose cells are baked by two clones that know nothing of each other, as on two machines, and published together.

let scene: Scene;
let other: string;

const changes = {
  version: staticVersion("1.0.0"),
  matrix: "{ flavour: [plain, rich] }",
  build: "[mkdir dist, 'cp files/a.txt dist/', 'echo ${matrix.flavour} >> dist/a.txt']",
  artifacts:
    "{ app: { kind: archive, from: dist }, package: { kind: deb, package: 'app-${matrix.flavour}', files: { /usr/share/app: dist } } }",
  activate: "{}",
};

beforeAll(async () => {
  scene = emptyScene();
  await git(scene, "init", "--quiet", "--initial-branch", "main");
  await commit(scene, { "kiln.yaml": recipe(changes), "files/a.txt": "a\n", ".gitignore": ".kiln/\n" });
  other = join(scene.root, "other-machine");
  await execa("git", ["clone", "--quiet", scene.project, other]);
  // Where the clone came from is no part of what is baked.
  await execa("git", ["-C", other, "remote", "remove", "origin"]);
  await kilnDone(scene, ["store", "create", scene.store, "--origin", "kiln.test"]);
});

afterAll(() => removeScene(scene));

test("cells that were baked on two machines are one release; one of them alone isn't", async () => {
  await kilnDone(scene, ["bake", "--cell", "flavour=plain", "--out", "../plain"]);
  await kilnDone(scene, ["bake", "--cell", "flavour=rich", "--out", "../rich"], { cwd: other });
  const alone = await kiln(scene, ["publish", "../plain"]);
  expectRefused(alone, { status: 1, code: "BAKE_MISMATCH", says: "a bake without flavour=rich" });
  expectRefused(await kiln(scene, ["publish", "../plain", "../plain"]), { status: 1, code: "BAKE_MISMATCH" });

  const { stdout } = await kilnDone(scene, ["publish", "../rich", "../plain", "--channel", "staging", "--json"]);
  const published = JSON.parse(stdout) as { manifest: string; artifacts: { name: string }[] };
  expect(published.artifacts.map(({ name }) => name)).toEqual([
    "app-plain",
    "app-rich",
    "package-plain",
    "package-rich",
  ]);
  await kilnDone(scene, ["verify", "app@1.0.0"]);
  await kilnDone(scene, ["audit"]);
  const shown = JSON.parse((await kilnDone(scene, ["show", "app@1.0.0", "--json"])).stdout) as { cells: unknown[] };
  expect(shown.cells).toMatchObject([{ values: { flavour: "plain" } }, { values: { flavour: "rich" } }]);

  // The same commit, baked whole on one machine, is that release.
  const again = await kilnDone(scene, ["publish", "--json"]);
  expect(JSON.parse(again.stdout)).toMatchObject({ manifest: published.manifest, added: false });
});

test("a plan shows every cell, and a cell that isn't there gets the nearest", async () => {
  await commit(scene, { "kiln.yaml": recipe({ ...changes, version: staticVersion("1.0.1") }) });
  const { stdout } = await kilnDone(scene, ["plan"]);
  expect(stdout).toContain("app 1.0.1 flavour=plain\n");
  expect(stdout).toContain("app 1.0.1 flavour=rich\n");
  const wrong = await kiln(scene, ["bake", "--cell", "flavor=rich"]);
  expectRefused(wrong, { status: 2, code: "USAGE", says: "did you mean flavour" });
});
