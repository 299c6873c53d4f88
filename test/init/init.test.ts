import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import fc from "fast-check";
import { expect, test } from "vitest";

import { activators } from "../../src/activators/index.ts";
import type { Refs } from "../../src/init/channels.ts";
import { openFolder } from "../../src/init/folder.ts";
import { type Proposed, proposeRecipe } from "../../src/init/init.ts";
import { kinds } from "../../src/kinds/index.ts";
import { parseRecipe } from "../../src/recipe/parse.ts";
import { recipeSchema } from "../../src/recipe/schema.ts";
import { temporaryFolder } from "../system/made-repository.ts";

const schema = recipeSchema({ kinds, activators });
const none: Refs = { branches: ["main"], tags: [], current: "main" };

function propose(files: Readonly<Record<string, string>>, refs = none, prefix = ""): Proposed {
  const top = temporaryFolder();
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(top, path)), { recursive: true });
    writeFileSync(join(top, path), text);
  }
  return proposeRecipe(openFolder({ top, prefix, files: Object.keys(files) }), refs);
}

const recipeOf = ({ text }: Proposed) => parseRecipe(Buffer.from(text), { path: "kiln.yaml", schema });
const runs = (steps: readonly { readonly run: string }[]) => steps.map(({ run }) => run);
const json = JSON.stringify;

test.each([
  ["package-lock.json", "{}", "npm ci --ignore-scripts"],
  ["npm-shrinkwrap.json", "{}", "npm ci --ignore-scripts"],
  ["pnpm-lock.yaml", "lockfileVersion: '6.0'\n", "npx --yes pnpm@8 install --frozen-lockfile --ignore-scripts"],
  ["pnpm-lock.yaml", "lockfileVersion: '9.0'\n", "npx --yes pnpm@9 install --frozen-lockfile --ignore-scripts"],
  ["yarn.lock", "# yarn lockfile v1\n", "npx --yes yarn@1.22.22 install --frozen-lockfile --ignore-scripts"],
  [
    "yarn.lock",
    "__metadata:\n  version: 8\n",
    "npx --yes --package @yarnpkg/cli-dist@4 yarn install --immutable --mode=skip-build",
  ],
  ["nothing", "", "npm install --ignore-scripts --no-package-lock"],
])("%s with %j: %s", (lock, text, command) => {
  const files = { "package.json": json({ name: "x", dependencies: { ms: "2" } }), [lock]: text };
  expect(runs(recipeOf(propose(files)).fetch)).toEqual([command]);
});

test("packageManager says which pnpm or yarn; a release of yarn in the repository goes before", () => {
  const manifest = (packageManager: string) => json({ name: "x", packageManager, dependencies: { ms: "2" } });
  const pnpm = { "package.json": manifest("pnpm@10.2.1+sha512.abc"), "pnpm-lock.yaml": "" };
  expect(recipeOf(propose(pnpm)).fetch[0]?.run).toMatch(/^npx --yes pnpm@10\.2\.1 install/);
  const yarn = { "package.json": manifest("yarn@4.5.0"), "yarn.lock": "__metadata:\n" };
  expect(recipeOf(propose(yarn)).fetch[0]?.run).toMatch(/@yarnpkg\/cli-dist@4\.5\.0 yarn install/);
  const kept = { ...yarn, ".yarn/releases/yarn-4.5.0.cjs": "" };
  expect(recipeOf(propose(kept)).fetch[0]?.run).toMatch(/^node \.yarn\/releases\/yarn-4\.5\.0\.cjs install/);
});

test("a private project is an archive of what its build leaves, where that is known", () => {
  const from = (manifest: object, files = {}) =>
    recipeOf(propose({ "package.json": json({ private: true, ...manifest }), ...files })).artifacts["app"];
  expect(from({ scripts: { build: "vite build" } })).toMatchObject({ kind: "archive", from: "dist" });
  const compiler = { "tsconfig.json": json({ compilerOptions: { outDir: "./lib" } }) };
  expect(from({ scripts: { build: "tsc" } }, compiler)).toMatchObject({ from: "lib" });
  expect(from({ scripts: { build: "tsc", start: "node lib" }, dependencies: { a: "1" } }, compiler)).toMatchObject({
    from: ".",
  });
});

test("scripts that say nothing are no steps", () => {
  const scripts = { test: 'echo "Error: no test specified" && exit 1', prepare: "husky install" };
  const { build, checks } = recipeOf(propose({ "package.json": json({ name: "x", scripts }) }));
  expect({ build, checks }).toEqual({ build: [], checks: [] });
});

test.each([
  ["uv.lock", { "uv.lock": 'name = "pytest"\n' }, /uv sync --frozen$/, /uv run --frozen --offline pytest$/],
  ["poetry.lock", { "poetry.lock": 'name = "pytest"\n' }, /poetry install --no-interaction$/, /poetry run pytest$/],
  [
    "requirements",
    { "requirements-test.txt": "pytest==8.4.2 --hash=sha256:0\n" },
    /pip install --quiet -r requirements-test\.txt$/,
    /python -m pytest$/,
  ],
])("Python tests run with what %s pins", (_, files, fetch, check) => {
  const project =
    '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n[project]\nname = "it"\nversion = "1.0"\n';
  const recipe = recipeOf(propose({ "pyproject.toml": project, "tests/test_it.py": "", ...files }));
  expect(recipe.fetch.at(-1)?.run).toMatch(fetch);
  expect(recipe.checks[0]?.run).toMatch(check);
});

test("tests that run with whatever is newest are proposed in a comment, not as a check", () => {
  const proposed = propose({ "setup.py": "", "test_it.py": "", "requirements-dev.txt": "pytest>=8\n" });
  expect(recipeOf(proposed).checks).toEqual([]);
  expect(proposed.text).toContain("# checks:\n#   - { name: pytest, run: 'PYTHONPATH=. ");
});

test("what must be locked is the build system's, unless it is", () => {
  const project = '[build-system]\nrequires = ["hatchling", "hatch-vcs"]\n';
  expect(propose({ "pyproject.toml": project }).toLock).toEqual(["hatchling", "hatch-vcs"]);
  expect(propose({ "pyproject.toml": project, "build-requirements.txt": "" }).toLock).toEqual([]);
  expect(propose({ "setup.cfg": "[metadata]\nname = it\nversion = 1.0\n" }).toLock).toEqual(["setuptools>=40.8.0"]);
});

test("control's fields become the artifact's; what debhelper fills in stays out; what isn't taken over is named", () => {
  const control = `Source: it
Maintainer: Kiln examples <examples@kiln.invalid>
# a remark
Homepage: https://example.org

Package: it
Architecture: any
Depends: \${shlibs:Depends}, \${misc:Depends}, adduser,
 libfoo1 (>= 1.2) | libbar1
Conflicts: itold
Description: a thing
 It does.
 .
 Things.

Package: it-doc
Architecture: all
Section: doc
Description: documents
`;
  const files = {
    "debian/control": control,
    "debian/it.install": "bin/it usr/bin\nusr/lib/it\n",
    "debian/it-doc.install": "doc/* usr/share/doc/it\n",
    "debian/it.postinst": "#!/bin/sh\n",
    "debian/it.manpages": "it.1\n",
    "debian/copyright": "x\n",
    "bin/it": "",
  };
  const proposed = propose(files);
  expect(recipeOf(proposed).artifacts).toMatchObject({
    it: {
      kind: "deb",
      package: "it",
      description: "a thing\nIt does.\n.\nThings.",
      depends: ["adduser", "libfoo1 (>= 1.2) | libbar1"],
      conflicts: ["itold"],
      control: { postinst: "debian/it.postinst" },
      copyright: "debian/copyright",
    },
    "it-doc": { package: "it-doc", architecture: "all", section: "doc" },
  });
  expect(proposed.text).toContain("/usr/bin/it: bin/it");
  expect(proposed.text).toContain("/usr/lib/it: debian/tmp/usr/lib/it");
  expect(proposed.text).toContain("# Of debian/, this doesn't take over: it.manpages");
});

test("a chart, at the top or in a folder for it", () => {
  const files = { "charts/it/Chart.yaml": "apiVersion: v2\nname: it\nversion: 0.4.0\n" };
  const recipe = recipeOf(propose(files));
  expect(recipe.artifacts).toMatchObject({ chart: { kind: "chart", from: "charts/it" } });
  expect(recipe.version).toMatchObject({ from: "manifest", file: "charts/it/Chart.yaml" });
  expect(recipeOf(propose({ "Chart.yaml": "name: it\nversion: 0.4.0\n" })).artifacts).toHaveProperty("chart");
});

test("channels follow the branches that there are, versions the tags", () => {
  const refs = { branches: ["develop", "master", "feature/x"], tags: ["1.0.0", "nightly"], current: "feature/x" };
  const recipe = recipeOf(propose({ "package.json": json({ name: "x", version: "1.0.0" }) }, refs));
  expect(recipe.version).toMatchObject({ from: "tag", prefix: "" });
  expect(recipe.channels.map((rule) => ("branch" in rule ? rule.branch : rule.tag))).toEqual([
    "develop",
    "master",
    "*",
    "*",
  ]);
});

test("several sorts in one repository share a recipe; a folder of its own stays in it", () => {
  const files = {
    "a b/package.json": json({ name: "x", version: "1.0.0", scripts: { build: "true" } }),
    "a b/Cargo.toml": '[package]\nname = "x"\nversion = "1.0.0"\n',
    "a b/src/main.rs": "fn main() {}",
    "a b/Dockerfile": "",
    "package.json": json({ name: "other" }),
  };
  const proposed = propose(files, none, "a b/");
  const recipe = recipeOf(proposed);
  expect(proposed.saw.map(({ file }) => file)).toEqual(["package.json", "Cargo.toml", "Dockerfile"]);
  expect(recipe.name).toBe("x");
  expect(recipe.version).toMatchObject({ from: "manifest", file: "a b/package.json" });
  expect(recipe.build[0]?.run).toBe("cd 'a b' && npm run build");
  expect(recipe.artifacts).toMatchObject({ package: { from: "a b" }, programs: { from: "a b/bin" } });
});

const names = [
  "package.json",
  "pyproject.toml",
  "Cargo.toml",
  "go.mod",
  "debian/control",
  "setup.py",
  "setup.cfg",
  "Makefile",
];

test("whatever the files hold, what is written is a recipe", () => {
  const word = fc.oneof(
    fc.string({ maxLength: 20, unit: "binary" }),
    fc.constantFrom(
      "x",
      "1.0.0",
      "é/ü",
      "a: b",
      "- #",
      "${x}",
      "'",
      '"',
      "\\",
      "\n",
      "true",
      "0",
      "@a/b",
      "x".repeat(300),
    ),
  );
  const manifest = fc.record(
    {
      name: word,
      version: word,
      private: fc.boolean(),
      packageManager: word,
      main: word,
      scripts: fc.dictionary(fc.constantFrom("build", "test", "start", "prepare"), word),
      dependencies: fc.dictionary(word, word),
      workspaces: fc.array(word),
    },
    { requiredKeys: [] },
  );
  const debian = fc
    .tuple(word, word, word)
    .map(([a, b, c]) => `Source: ${a}\n\nPackage: ${b}\nDescription: ${c}\nDepends: ${c}\n`);
  const toml = fc
    .tuple(word, word)
    .map(
      ([a, b]) =>
        `[package]\nname = ${json(a)}\nversion = ${json(b)}\n[project]\nname = ${json(a)}\nversion = ${json(b)}\n[[bin]]\nname = ${json(b)}\n`,
    );
  const content = fc.oneof(
    word,
    manifest.map((it) => json(it)),
    debian,
    toml,
    word.map((it) => `module ${it}\n`),
  );
  const files = fc.dictionary(fc.constantFrom(...names, "src/main.rs", "main.go", "yarn.lock"), content);
  // As git allows them.
  const ref = fc.constantFrom(
    "main",
    "master",
    "develop",
    "v1.0",
    "1.2.3",
    "feature/x",
    "é",
    'a"b',
    "{x}",
    "#1",
    "a&b",
    "-x",
  );
  const refs = fc.record({ branches: fc.array(ref), tags: fc.array(ref), current: fc.option(ref, { nil: undefined }) });
  fc.assert(
    fc.property(files, refs, (found, given) => {
      expect(recipeOf(propose(found, given)).kiln).toBe(1);
    }),
    { numRuns: 200 },
  );
});

test("the line that it proposes is the one that the project is at; without a tag it says what versions there will be", () => {
  const text = (files: Record<string, string>) => propose(files).text;
  expect(text({ "package.json": json({ name: "x", version: "2.7.1" }) })).toContain('{ from: next, line: "2.7.*" }');
  expect(text({ "Cargo.toml": '[package]\nname = "x"\nversion = "0.4.0"\n' })).toContain('line: "0.4.*"');
  expect(text({ "go.mod": "module example.com/x\n" })).toContain("versions are 0.0.0-0.dev.N.gCOMMIT");
});

test("a manifest that can't be read is said, and isn't taken for a project that nothing is known of", () => {
  const proposed = propose({ "package.json": '{"name": ', Dockerfile: "" });
  expect(proposed.saw).toContainEqual({ file: "package.json", what: "can't be read as JSON: left out" });
  expect(proposed.text).toContain("# package.json can't be read as JSON: mend it");
  expect(proposed.text).toContain("after a look at this folder, Dockerfile");
  expect(recipeOf(proposed).artifacts).toHaveProperty("source");
  expect(propose({ "package.json": '{"name": "x"}' }).saw).toHaveLength(1);
});
