import { execFileSync } from "node:child_process";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { KilnError } from "../../../src/errors.ts";
import { workspaceFolders } from "../../../src/kinds/npm/workspaces.ts";
import { makeProject, type Project } from "../../bake/made-project.ts";

describe("the folders that are workspaces", () => {
  const files = ["package.json", "a/package.json", "packages/b/package.json", "packages/b/c/package.json"].concat(
    "packages/b/node_modules/d/package.json",
    "packages/readme.md",
    "tools/x y/package.json",
  );

  test.each([
    [["packages/*"], ["packages/b"]],
    [["./packages/*/"], ["packages/b"]],
    [["packages/**"], ["packages/b", "packages/b/c"]],
    [
      ["**", "!packages/**"],
      ["a", "tools/x y"],
    ],
    [["!a", "*"], ["a"]],
    [["{a,tools/*}"], ["a", "tools/x y"]],
    [["."], []],
    [[], []],
  ])("%j", (patterns, folders) => {
    expect(workspaceFolders(files, patterns)).toEqual(folders);
  });
});

const json = JSON.stringify;

/** Three packages, one of them private, that lean on one another as `ranges` say. */
const packages = (ranges: { core: string; dev: string }): Record<string, string> => ({
  "packages/core/package.json": json({ name: "@acme/core", version: "0.0.0", main: "index.js" }),
  "packages/core/index.js": "module.exports = 'core';\n",
  "packages/app/package.json": json({
    name: "acme",
    version: "0.0.0",
    dependencies: { "@acme/core": ranges.core },
    devDependencies: { "@acme/config": ranges.dev },
    publishConfig: { main: "built.js", registry: "https://registry.invalid" },
  }),
  "packages/app/built.js": "module.exports = `app on ${require('@acme/core')}`;\n",
  "packages/config/package.json": json({ name: "@acme/config", private: true }),
});

const whole = "artifacts: { packages: { kind: npm, workspaces: true } }\n";

/** File name → its package.json. */
async function bakeAll(project: Project): Promise<Record<string, Record<string, unknown>>> {
  const { folder, manifest } = await project.bake();
  const entries = manifest.artifacts.map(({ name, file }) => {
    const text = execFileSync("tar", ["-xOzf", join(folder, file), "package/package.json"], { encoding: "utf8" });
    return [name, JSON.parse(text) as Record<string, unknown>];
  });
  return Object.fromEntries(entries) as Record<string, Record<string, unknown>>;
}

async function failure(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.catch((thrown: unknown) => thrown);
  if (error instanceof KilnError) return `${error.code}: ${error.message}`;
  throw new Error(`got ${String(error)}, want a KilnError`);
}

test.each([
  ["npm", { core: "^0.0.0", dev: "*" }, { "package.json": json({ private: true, workspaces: ["packages/*"] }) }],
  [
    "yarn",
    { core: "workspace:^", dev: "workspace:*" },
    { "package.json": json({ workspaces: { packages: ["packages/*"] } }), ".yarnrc.yml": "nodeLinker: node-modules\n" },
  ],
  [
    "pnpm",
    { core: "workspace:^", dev: "catalog:" },
    {
      "package.json": json({ private: true }),
      "pnpm-workspace.yaml": "packages: [packages/*]\ncatalog: { a: ^1.0.0 }\n",
    },
  ],
])(
  "%s: every public workspace is an artifact, with the release's version in it and between them",
  async (tool, ranges, files) => {
    const project = makeProject({ recipe: whole, files: { ...packages(ranges), ...files } });
    const made = await bakeAll(project);
    expect(Object.keys(made)).toEqual(["acme", "acme-core"]);
    expect(made["acme-core"]).toMatchObject({ name: "@acme/core", version: "1.2.3" });
    expect(made["acme"]).toMatchObject({ version: "1.2.3", dependencies: { "@acme/core": "^1.2.3" } });
    // npm itself takes nothing else over from there.
    expect(made["acme"]?.["main"]).toBe(tool === "npm" ? undefined : "built.js");
    expect(project.reported).toContain("packages: left out, because they are private: packages/config");
  },
);

test("a folder of the repository may be the monorepo, and single entries stand beside it", async () => {
  const recipe =
    "artifacts: { js: { kind: npm, from: js, workspaces: true }, notes: { kind: archive, from: kiln.yaml }, own: { kind: npm } }\n";
  const below = Object.entries(packages({ core: "*", dev: "*" })).map(([path, text]) => [`js/${path}`, text]);
  const files = {
    ...(Object.fromEntries(below) as Record<string, string>),
    "js/package.json": json({ workspaces: ["packages/core", "packages/app"] }),
    "package.json": json({ name: "own", version: "1.0.0", dependencies: { acme: "file:js/packages/app" } }),
  };
  const project = makeProject({ recipe, files });
  const { manifest } = await project.bake();
  expect(manifest.artifacts.map(({ file }) => file)).toEqual([
    "acme-1.2.3.tgz",
    "acme-core-1.2.3.tgz",
    "sample-notes-1.2.3.tar.zst",
    "own-1.2.3.tgz",
  ]);
});

test("a workspace that is released on its own asks for the others in the version that they have", async () => {
  const files = {
    ...packages({ core: "workspace:^", dev: "workspace:*" }),
    "package.json": json({ private: true, workspaces: ["packages/*"] }),
  };
  const project = makeProject({ recipe: "artifacts: { app: { kind: npm, from: packages/app } }\n", files });
  expect((await bakeAll(project))["app"]).toMatchObject({ dependencies: { "@acme/core": "^0.0.0" } });
});

test.each([
  ["no workspaces", { "package.json": "{}" }, /packages: package\.json: got no `workspaces`/],
  [
    "patterns that match nothing",
    { "package.json": json({ workspaces: ["x/*"] }) },
    /got no workspace, want at least one/,
  ],
  [
    "private workspaces alone",
    { "package.json": json({ workspaces: ["a"] }), "a/package.json": json({ private: true }) },
    /got private workspaces alone \(a\)/,
  ],
  [
    "a workspace without a name",
    { "package.json": json({ workspaces: ["a"] }), "a/package.json": "{}" },
    /a\/package\.json: got the name undefined, want an npm package name/,
  ],
  [
    "two workspaces of one name",
    {
      "package.json": json({ workspaces: ["a", "b"] }),
      "a/package.json": json({ name: "@x/y" }),
      "b/package.json": json({ name: "x-y" }),
    },
    /got x-y from packages and from packages, want each name once/,
  ],
  ["settings that aren't YAML", { "pnpm-workspace.yaml": "packages: [" }, /pnpm-workspace\.yaml: /],
  ["a package.json that isn't JSON", { "package.json": "{" }, /package\.json: got text that isn't JSON/],
])("%s: refused before anything runs", async (_, files, message) => {
  expect(await failure(makeProject({ recipe: whole, files }).bake())).toMatch(message);
});

test("a private package is refused by name", async () => {
  const files = { "package.json": json({ name: "x", private: true }) };
  const project = makeProject({ recipe: "artifacts: { app: { kind: npm } }\n", files });
  expect(await failure(project.bake())).toBe(
    "ARTIFACT_INVALID: app: package.json: got private: true, want a package to publish",
  );
});
