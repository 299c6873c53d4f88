// Recipes of garbage and repositories that can't be baked, through the real command line.

import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";

import { type Refusal, testRefusals } from "../fixtures/refusals.ts";
import {
  copyScene,
  kilnDone,
  commit,
  git,
  makeScene,
  recipe,
  removeScene,
  type Scene,
  write,
} from "../fixtures/scene.ts";

let scene: Scene;
beforeAll(async () => void (scene = await makeScene()));
afterAll(() => removeScene(scene));

/** `kiln bake` of a commit that has this recipe. */
const bad = (title: string, content: string | Uint8Array, says: string | RegExp): Refusal => ({
  title,
  setUp: (own) => commit(own, { "kiln.yaml": content }),
  command: ["bake"],
  status: 2,
  code: "RECIPE_INVALID",
  says,
});

/** Nine levels of ten: a billion items, if anybody unfolded them. */
const bomb = Array.from({ length: 10 }, (_, level) =>
  level === 0
    ? "a0: &a0 [x]"
    : `a${level}: &a${level} [${Array(10)
        .fill(`*a${level - 1}`)
        .join(", ")}]`,
).join("\n");

testRefusals(
  () => scene,
  [
    bad(
      "a recipe of random bytes",
      Buffer.from(Array.from({ length: 4096 }, (_, at) => (at * 167 + 13) % 256)),
      "kiln.yaml",
    ),
    bad("a recipe with a NUL in it", recipe({ name: "a\0b" }), "kiln.yaml"),
    bad("an empty recipe", "", /kiln.yaml.*got/),
    bad("a recipe of comments", "# nothing\n\n", /kiln.yaml.*got/),
    bad("a recipe of 20 MB", `${recipe()}# ${"x".repeat(20_000_000)}\n`, /kiln.yaml.*bytes/),
    bad("a recipe that isn't YAML", "kiln: 1\nname: [app\n", /kiln.yaml:\d+:\d+/),
    bad("a recipe that is a list", "- kiln\n- 1\n", "kiln.yaml:1:1"),
    bad("a recipe that is one word", "kiln\n", "kiln.yaml:1:1"),
    bad("two recipes in one file", `${recipe()}---\n${recipe()}`, /kiln.yaml:\d+:\d+/),
    bad("a recipe with a tag that runs code elsewhere", recipe({ name: "!!js/function 'x'" }), /kiln.yaml:2:\d+/),
    bad("a recipe with an alias bomb", `${recipe()}${bomb}\n`, /kiln.yaml:\d+:\d+/),
    bad("a recipe with a key twice", `${recipe()}name: other\n`, /kiln.yaml:7:1/),
    bad("a recipe with an unknown key", `${recipe()}artefacts: {}\n`, /kiln.yaml:7:1.*artefacts/),
    bad(
      "a recipe with a deep unknown key",
      recipe({ artifacts: "{ app: { kind: archive, from: files, frm: x } }" }),
      /:4:\d+.*frm/,
    ),
    bad(
      "a recipe with an unknown kind",
      recipe({ artifacts: "{ app: { kind: tarball, from: files } }" }),
      /:4:\d+.*tarball/,
    ),
    bad("a recipe with no artifacts", recipe({ artifacts: "{}" }), /:4:\d+/),
    bad("a recipe with a number for a name", recipe({ name: "7" }), /:2:\d+/),
    bad("a recipe with a list for steps' text", recipe({ build: "[[make]]" }), /:7:\d+/),
    bad(
      "a recipe that activates nothing known",
      recipe({ activate: "{ other: { with: directory } }" }),
      /:5:\d+.*other/,
    ),
    bad("a recipe without its format's version", recipe().replace("kiln: 1\n", ""), "kiln"),
    bad("a recipe of another format's version", recipe({ kiln: "2" }), /:1:\d+/),
    bad(
      "a recipe with a path that leads out",
      recipe({ artifacts: "{ app: { kind: archive, from: ../.. } }" }),
      /:4:\d+/,
    ),
    bad("a recipe with an absolute path", recipe({ artifacts: "{ app: { kind: archive, from: /etc } }" }), /:4:\d+/),
    bad("a recipe nested a hundred thousand times", "[".repeat(100_000), "kiln.yaml"),
    {
      title: "a recipe that the commit doesn't have",
      setUp: async (own) => {
        await git(own, "rm", "--quiet", "kiln.yaml");
        await git(own, "commit", "--quiet", "--message", "no recipe");
      },
      command: ["bake"],
      status: 2,
      code: "RECIPE_NOT_FOUND",
      says: "kiln.yaml",
    },
    {
      title: "a recipe that is a folder",
      command: ["bake", "--recipe", "files"],
      status: 2,
      code: "RECIPE_INVALID",
      says: "files",
    },
    {
      title: "a recipe that is a link out of the commit",
      setUp: async (own) => {
        await execa("ln", ["-s", "/etc/passwd", join(own.project, "other.yaml")]);
        await commit(own, {});
      },
      command: ["bake", "--recipe", "other.yaml"],
      status: 2,
      code: "RECIPE_INVALID",
      says: "other.yaml",
    },
    {
      title: "a recipe outside the repository",
      setUp: (own) => write(own.root, { "kiln.yaml": recipe() }),
      command: ["bake", "--recipe", "../kiln.yaml"],
      status: 2,
      code: "USAGE",
      says: "../kiln.yaml",
    },
    {
      title: "a folder that isn't in a repository",
      command: ["bake"],
      options: (own) => ({ cwd: own.home }),
      status: 2,
      code: "NOT_A_REPOSITORY",
    },
    {
      title: "a repository with a broken .git",
      setUp: (own) => rm(join(own.project, ".git/HEAD")),
      command: ["plan"],
      status: 2,
      code: "NOT_A_REPOSITORY",
    },
    {
      title: "a repository without a commit",
      setUp: async (own) => {
        await rm(join(own.project, ".git"), { recursive: true });
        await git(own, "init", "--quiet", "--initial-branch", "main");
      },
      command: ["bake"],
      status: 2,
      code: "COMMIT_NOT_FOUND",
    },
    {
      title: "a repository of another user",
      setUp: async (own) => {
        if (process.getuid?.() === 0) await execa("chown", ["-R", "65534", own.project]);
        else await rm(join(own.project, ".git"), { recursive: true });
      },
      command: ["bake"],
      ...(process.getuid?.() === 0
        ? { status: 1, code: "REPOSITORY_UNTRUSTED" }
        : { status: 2, code: "NOT_A_REPOSITORY" }),
    },
    {
      title: "a changed file that isn't committed",
      setUp: (own) => write(own.project, { "files/a.txt": "changed\n" }),
      command: ["publish"],
      status: 1,
      code: "DIRTY_TREE",
      says: "files/a.txt",
    },
    {
      title: "a new file with an odd name that isn't committed",
      setUp: (own) => write(own.project, { "files/new\nkiln: nothing": "new\n" }),
      command: ["bake"],
      status: 1,
      code: "DIRTY_TREE",
    },
    {
      title: "a version from the tags of a shallow clone",
      setUp: async (own) => {
        await commit(own, { "kiln.yaml": recipe({ version: "{ from: tag }" }) });
        await execa("git", ["clone", "--quiet", "--depth", "1", `file://${own.project}`, join(own.root, "shallow")]);
      },
      command: ["bake"],
      options: (own) => ({ cwd: join(own.root, "shallow") }),
      status: 1,
      code: "HISTORY_MISSING",
    },
    {
      title: "a ref that isn't there",
      command: ["bake", "--ref", "v9"],
      status: 2,
      code: "USAGE",
      says: "v9",
    },
    {
      title: "a ref that would be an option of git",
      command: ["bake", "--ref=--output=/tmp/x"],
      status: 2,
      code: "USAGE",
    },
    {
      title: "an artifact whose folder no step made",
      setUp: (own) => commit(own, { "kiln.yaml": recipe({ artifacts: "{ app: { kind: archive, from: dist } }" }) }),
      command: ["publish"],
      status: 1,
      code: "ARTIFACT_INVALID",
      says: "dist",
    },
    {
      title: "an artifact with a link out of its folder",
      setUp: async (own) => {
        await execa("ln", ["-s", "/etc/passwd", join(own.project, "files/out")]);
        await commit(own, {});
      },
      command: ["publish"],
      status: 1,
      code: "ARTIFACT_INVALID",
      says: "out",
    },
    {
      title: "a step that fails",
      setUp: (own) => commit(own, { "kiln.yaml": recipe({ build: '["echo to stderr >&2; exit 9"]' }) }),
      command: ["publish"],
      status: 1,
      code: "STEP_FAILED",
      says: "9",
    },
    {
      title: "a step's program that isn't there",
      setUp: (own) => commit(own, { "kiln.yaml": recipe({ build: "[no-such-program]" }) }),
      command: ["publish"],
      status: 1,
      code: "STEP_FAILED",
      says: "no-such-program",
    },
    {
      title: "a step's secret that isn't set",
      setUp: (own) => commit(own, { "kiln.yaml": recipe({ fetch: "[{ run: 'true', secrets: [TOKEN] }]" }) }),
      command: ["publish"],
      status: 1,
      code: "SECRET_MISSING",
      says: "TOKEN",
    },
    {
      title: "an --out folder that has something in it",
      setUp: async (own) => {
        await mkdir(join(own.root, "out"));
        await writeFile(join(own.root, "out/precious"), "");
      },
      command: ["bake", "--out", "../out"],
      status: 2,
      code: "USAGE",
      says: "out",
    },
  ],
);

test("a detached head is baked and published; no branch's channel moves", async () => {
  const own = await copyScene(scene);
  try {
    await git(own, "checkout", "--quiet", "--detach");
    const { stdout } = await kilnDone(own, ["publish", "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({ version: "1.0.1", added: true, channel: null });
    const listed = await kilnDone(own, ["list"]);
    expect(listed.stdout).toContain("staging=1.0.0");
  } finally {
    await removeScene(own);
  }
});
