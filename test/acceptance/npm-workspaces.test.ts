// A real monorepo (Floating UI: three packages that lean on one another), in the manners of npm, pnpm and yarn: all in one
// release, or each its own. Stock npm installs the tarballs together, without a registry, and they import each other.

import { readFileSync } from "node:fs";
import { cp, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";

import { npmSource } from "../fixtures/registry.ts";
import { commit, emptyScene, git, kilnDone, removeScene, type Scene } from "../fixtures/scene.ts";

const packages = {
  core: {
    name: "@floating-ui/core@1.7.3",
    sha256: "70f37f90d35c08bd62e5acbcf0e88dab2e6e989e85d88f7c89edcb3e029a2df2",
  },
  dom: {
    name: "@floating-ui/dom@1.7.4",
    sha256: "e1463aab6ef54b60c01eecfd0a02e32f2f8140e9cef9355cefa9c3de80808d78",
  },
  utils: {
    name: "@floating-ui/utils@0.2.10",
    sha256: "b92e7dd416ef0c3781e6b0da125f5662f27052f5306be414a3e9bed3d8df9a78",
  },
} as const;

let sources: string;
beforeAll(async () => {
  sources = await mkdtemp(join(tmpdir(), "kiln-monorepo-"));
  for (const [folder, pinned] of Object.entries(packages)) await npmSource(pinned, join(sources, folder));
}, 120_000);
afterAll(() => rm(sources, { recursive: true }));

/** Runs `work` in a repository that holds the three packages below packages/, and `files` beside them. */
async function inMonorepo(files: Record<string, string>, work: (scene: Scene) => Promise<void>): Promise<void> {
  const scene = emptyScene();
  try {
    await git(scene, "init", "--quiet", "--initial-branch", "main");
    await cp(sources, join(scene.project, "packages"), { recursive: true });
    await commit(scene, { "packages/docs/package.json": '{"name":"docs","private":true}', ...files });
    await work(scene);
  } finally {
    await removeScene(scene);
  }
}

const sandbox = { env: { KILN_ISOLATION: "sandbox", KILN_STORE: undefined } };

/** Installs all tarballs of a folder in one go, with no network to ask, and lets the packages work with one another. */
async function useTogether(scene: Scene, tarballs: readonly string[]): Promise<void> {
  const place = join(scene.root, "user");
  const npm = ["install", "--offline", "--no-audit", "--no-fund", "--prefix", place, ...tarballs];
  await execa("npm", npm, { env: { ...scene.env }, extendEnv: false });
  const program = `
    import { computePosition } from "@floating-ui/core";
    import * as dom from "@floating-ui/dom";
    import { getSide } from "@floating-ui/utils";
    const rect = { x: 10, y: 20, width: 30, height: 40 };
    const platform = {
      getElementRects: () => ({ reference: rect, floating: { x: 0, y: 0, width: 10, height: 10 } }),
      getDimensions: () => ({ width: 10, height: 10 }),
      getClippingRect: () => rect,
    };
    const { x, y, placement } = await computePosition({}, {}, { platform, placement: "right-start" });
    console.log(x, y, getSide(placement), typeof dom.autoUpdate);`;
  const { stdout } = await execa(process.execPath, ["--input-type=module", "--eval", program], { cwd: place });
  expect(stdout).toBe("40 20 right function");
  // One of each: no second copy that a range which doesn't fit would bring.
  expect(await readdir(join(place, "node_modules/@floating-ui"))).toEqual(["core", "dom", "utils"]);
  expect(await readdir(join(place, "node_modules/@floating-ui/dom"))).not.toContain("node_modules");
}

const recipe = `kiln: 1
name: floating-ui
version: { from: static, value: 2.0.0-rc.1 }
artifacts:
  packages: { kind: npm, workspaces: true }
`;

test.each([
  ["npm", "as they are", { "package.json": '{"private":true,"workspaces":["packages/*"]}' }],
  ["pnpm", "workspace:*", { "package.json": '{"private":true}', "pnpm-workspace.yaml": "packages: [packages/*]\n" }],
  ["yarn", "workspace:^", { "package.json": '{"private":true,"workspaces":{"packages":["packages/*"]}}' }],
])("all in one release, in the manner of %s: dependencies %s", { timeout: 120_000 }, async (_, range, files) => {
  await inMonorepo({ "kiln.yaml": recipe, ...files }, async (scene) => {
    if (range !== "as they are") {
      const rewritten = Object.keys(packages).map((folder) => {
        const path = `packages/${folder}/package.json`;
        const text = readFileSync(join(scene.project, path), "utf8");
        return [path, text.replace(/("@floating-ui\/\w+": )"\^[^"]*"/g, `$1"${range}"`)];
      });
      await commit(scene, Object.fromEntries(rewritten) as Record<string, string>);
    }
    const { stdout, stderr } = await kilnDone(scene, ["bake", "--twice", "--out", "out", "--json"], sandbox);
    const { artifacts } = JSON.parse(stdout) as { artifacts: { name: string; file: string }[] };
    expect(artifacts.map(({ name }) => name)).toEqual(["floating-ui-core", "floating-ui-dom", "floating-ui-utils"]);
    expect(stderr).toContain("packages: left out, because they are private: packages/docs");
    await useTogether(
      scene,
      artifacts.map(({ file }) => join(scene.project, "out", file)),
    );
  });
});

test(
  "each its own release: a recipe beside each package, with its own name and version",
  { timeout: 120_000 },
  async () => {
    const own = (folder: string) => `kiln: 1
name: floating-${folder}
version: { from: manifest, file: packages/${folder}/package.json }
artifacts:
  package: { kind: npm, from: packages/${folder} }
channels:
  - { branch: main, channel: staging }
`;
    const recipes = Object.keys(packages).map((folder) => [`packages/${folder}/kiln.yaml`, own(folder)]);
    const files = { "package.json": '{"private":true,"workspaces":["packages/*"]}' };
    await inMonorepo({ ...files, ...(Object.fromEntries(recipes) as Record<string, string>) }, async (scene) => {
      const tarballs: string[] = [];
      for (const [folder, { name }] of Object.entries(packages)) {
        // From anywhere in the repository, by the recipe's path; or in its own folder, where it needs no name.
        const cwd = folder === "core" ? scene.project : join(scene.project, "packages", folder);
        const which = folder === "core" ? ["--recipe", "packages/core/kiln.yaml"] : [];
        const { stdout } = await kilnDone(scene, ["bake", ...which, "--out", join(scene.root, folder), "--json"], {
          ...sandbox,
          cwd,
        });
        const made = JSON.parse(stdout) as { version: string; artifacts: { file: string }[] };
        expect(made.version).toBe(name.split("@").at(-1));
        tarballs.push(join(scene.root, folder, made.artifacts[0]?.file ?? ""));
      }
      await useTogether(scene, tarballs);
    });
  },
);
