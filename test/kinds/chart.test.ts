// Charts: what is in the package, and what is refused before Helm would refuse it.

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import fc from "fast-check";
import { expect, test } from "vitest";
import { parse } from "yaml";

import { KilnError } from "../../src/errors.ts";
import { chart as kind } from "../../src/kinds/chart/chart.ts";
import { parseIgnore } from "../../src/kinds/chart/ignore.ts";
import type { PackJob } from "../../src/kinds/kind.ts";
import { makeProject } from "../bake/made-project.ts";
import { temporaryFolder } from "../system/made-repository.ts";

const least = { "Chart.yaml": "apiVersion: v2\nname: web # ours\nversion: 0.0.0\n", "templates/a.yaml": "a: 1\n" };

interface Packed {
  readonly files: readonly string[];
  readonly record: Readonly<Record<string, unknown>>;
  read(path: string): string;
}

async function pack(
  files: Readonly<Record<string, string>>,
  spec: Readonly<Record<string, unknown>> = {},
  prepare: (source: string) => void = () => undefined,
): Promise<Packed> {
  const folder = temporaryFolder();
  const at = (name: string) => {
    mkdirSync(join(folder, name));
    return join(folder, name);
  };
  const app = { file: "web-app-1.2.3.tar.zst", sha256: "ab".repeat(32), record: { format: "tar.zst", deep: { n: 7 } } };
  const job = {
    artifact: "chart",
    release: { name: "sample", version: "1.2.3-rc.1" },
    packed: new Map([["app", app]]),
    source: at("source"),
    stage: at("stage"),
    out: at("out"),
    time: 1_700_000_000,
    signal: new AbortController().signal,
    onProgress: () => undefined,
  } as unknown as PackJob;
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(job.source, name)), { recursive: true });
    writeFileSync(join(job.source, name), text, { mode: 0o755 });
  }
  prepare(job.source);
  const packed = await kind.pack(kind.schema.parse({ kind: "chart", ...spec }), job);
  const tgz = join(job.out, packed.file);
  const tar = (...args: string[]) => execFileSync("tar", args, { encoding: "utf8" });
  return {
    files: tar("-tzf", tgz).trim().split("\n"),
    record: packed.record,
    read: (path) => tar("-xzOf", tgz, path),
  };
}

async function failure(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof KilnError) return `${error.code}: ${error.message}`;
  throw new Error(`got ${String(error)}, want a KilnError`);
}

test("it has the release's version, its own comments, and all files below one folder, in order", async () => {
  const files = { ...least, "values.yaml": "a: 1\n", "crds/x.yaml": "", "README.md": "r", "templates/.hidden": "" };
  const { files: names, read, record } = await pack(files, { appVersion: "release" });
  expect(names).toEqual([
    "web/Chart.yaml",
    "web/README.md",
    "web/crds/x.yaml",
    "web/templates/a.yaml",
    "web/values.yaml",
  ]);
  expect(read("web/Chart.yaml")).toBe(
    "apiVersion: v2\nname: web # ours\nversion: 1.2.3-rc.1\nappVersion: 1.2.3-rc.1\n",
  );
  expect(record).toEqual({ apiVersion: "v2", name: "web", version: "1.2.3-rc.1", appVersion: "1.2.3-rc.1" });
});

test("values are written where they belong, and comments stay", async () => {
  const values = "# Top.\nimage:\n  # Which one.\n  digest: old\n  tag: x # why\nempty:\n";
  const { read } = await pack(
    { ...least, "values.yaml": values },
    {
      values: {
        "image.digest": "sha256:${artifact.app.sha256}",
        "image.file": "${artifact.app.file}",
        "empty.made": "${artifact.app.record.deep.n} of ${version}",
        "new.a\\.b": true,
        "new.count": 3,
      },
    },
  );
  const text = read("web/values.yaml");
  for (const comment of ["# Top.", "# Which one.", "# why"]) expect(text).toContain(comment);
  expect(parse(text)).toEqual({
    image: { digest: `sha256:${"ab".repeat(32)}`, tag: "x", file: "web-app-1.2.3.tar.zst" },
    empty: { made: "7 of 1.2.3-rc.1" },
    new: { "a.b": true, count: 3 },
  });
});

test("a chart without values.yaml gets one when it is given values", async () => {
  const { read } = await pack(least, { values: { "a.b": 1 } });
  expect(parse(read("web/values.yaml"))).toEqual({ a: { b: 1 } });
});

test("whatever text a value is, the YAML says it", async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: "grapheme", maxLength: 40 }), async (text) => {
      const plain = text.replaceAll("$", "");
      const { read } = await pack(least, { values: { a: plain } });
      expect(parse(read("web/values.yaml"))).toEqual({ a: plain });
    }),
    { numRuns: 15 },
  );
});

test.each([
  ["no Chart.yaml", {}, {}, /got no such file/],
  ["a Chart.yaml that isn't YAML", { "Chart.yaml": "a: [" }, {}, /^ARTIFACT_INVALID: chart: Chart\.yaml: got /],
  ["a list", { "Chart.yaml": "- a\n" }, {}, /got no mapping/],
  ["a name that leads elsewhere", { "Chart.yaml": "apiVersion: v2\nname: ../web\n" }, {}, /a chart's name/],
  ["an unknown apiVersion", { "Chart.yaml": "apiVersion: v3\nname: web\n" }, {}, /apiVersion/],
  ["aliases that grow", { "Chart.yaml": `a: &a [x,x]\n${bomb()}apiVersion: v2\nname: web\n` }, {}, /more aliases/],
  ["a pattern with **", { ...least, ".helmignore": "a/**\n" }, {}, /without \*\*/],
  [
    "a value below a text",
    { ...least, "values.yaml": "a: text\n" },
    { values: { "a.b": 1 } },
    /got a value at a, want/,
  ],
  ["a member that no record has", least, { values: { a: "${artifact.app.record.nope}" } }, /no text or number nope/],
  ["a name with a backslash", { ...least, "a\\b": "" }, {}, /takes for another path/],
  ["a file that Helm wouldn't load", { ...least, big: "x".repeat(5 * 1024 * 1024 + 1) }, {}, /Helm doesn't load it/],
])("%s is refused", async (_, files, spec, message) => {
  expect(await failure(pack(files, spec))).toMatch(message);
});

function bomb(): string {
  return "bcdefghi"
    .split("")
    .map((name, at) => `${name}: &${name} [${`*${"abcdefghi"[at]},`.repeat(9)}]\n`)
    .join("");
}

test("a link is refused, because no chart can hold one", async () => {
  const link = (source: string) => symlinkSync("a.yaml", join(source, "templates/b.yaml"));
  expect(await failure(pack(least, {}, link))).toMatch(/got a link/);
});

test.each(["${version", "$(x)", "${artifact.app}", "${artifact.app.size}", "${secret}"])("a value %s", (value) => {
  const isText = !value.includes("}");
  expect(kind.schema.safeParse({ kind: "chart", values: { a: value } }).success).toBe(isText);
});

const dependency = { name: "db", version: "^1.0.0", repository: "https://charts.example.com" };
const needy = (one: object = dependency) => `${least["Chart.yaml"]}dependencies: [${JSON.stringify(one)}]\n`;
const lock = (digest: string, version = "1.2.0") =>
  `digest: ${digest}\ndependencies: [${JSON.stringify({ ...dependency, version })}]\n`;
const subchart = (version: string) => ({ "charts/db/Chart.yaml": `apiVersion: v2\nname: db\nversion: ${version}\n` });

test.each([
  ["isn't there", { "Chart.yaml": needy() }, /got no db, want what Chart\.yaml depends on/],
  ["isn't locked", { "Chart.yaml": needy(), ...subchart("1.2.0") }, /Chart\.lock: got no version of db/],
  [
    "is locked for another Chart.yaml",
    { "Chart.yaml": needy(), "Chart.lock": lock("sha256:00"), ...subchart("1.2.0") },
    /a lock of other dependencies/,
  ],
  [
    "is outside of its range",
    { "Chart.yaml": needy({ name: "db", version: "^1.0.0", repository: "" }), ...subchart("2.0.0") },
    /got db 2\.0\.0, want \^1\.0\.0/,
  ],
])("a dependency that %s is refused", async (_, files, message) => {
  expect(await failure(pack({ ...least, ...files }))).toMatch(message);
});

test("a dependency of the repository's own needs no lock", async () => {
  const own = needy({ name: "db", version: ">=1.0.0, <2.0.0", repository: "file://../db" });
  expect((await pack({ ...least, "Chart.yaml": own, ...subchart("1.4.0") })).files).toContain(
    "web/charts/db/Chart.yaml",
  );
});

test(".helmignore is read as Helm reads it", () => {
  const kept = (text: string, ...paths: string[]) => {
    const isIgnored = parseIgnore(text, "x");
    return paths.filter(
      (path) => !isIgnored({ path: path.replace(/\/$/, ""), type: path.endsWith("/") ? "folder" : "file" }),
    );
  };
  expect(kept("# a comment\n\n*.md\n", "a.md", "deep/a.md", "a.txt")).toEqual(["a.txt"]);
  expect(kept("docs/\n", "docs/", "docs/a", "deep/docs/a", "docs")).toEqual(["docs"]);
  expect(kept("/a.txt\n", "a.txt", "deep/a.txt")).toEqual(["deep/a.txt"]);
  expect(kept("deep/*.txt\n", "a.txt", "deep/a.txt", "deep/er/a.txt")).toEqual(["a.txt", "deep/er/a.txt"]);
  expect(kept("a[0-9].t?t\n", "a1.txt", "ab.txt")).toEqual(["ab.txt"]);
  expect(kept("!*.txt\n", "a.txt", "a.md")).toEqual(["a.txt"]);
  expect(kept("", "templates/.x", "templates/a", ".x")).toEqual(["templates/a", ".x"]);
});

test("an artifact that values name is packed before; one that isn't there is refused before the build", async () => {
  const artifacts = (name: string) =>
    `artifacts:\n  chart: { kind: chart, from: chart, values: { image: "\${artifact.${name}.sha256}" } }\n  later: { kind: archive, from: chart }\n`;
  const files = Object.fromEntries(Object.entries(least).map(([path, text]) => [`chart/${path}`, text]));
  const { folder, manifest } = await makeProject({ recipe: artifacts("later"), files }).bake();
  const later = manifest.artifacts.find(({ name }) => name === "later");
  const values = execFileSync("tar", ["-xzOf", join(folder, "web-1.2.3.tgz"), "web/values.yaml"], { encoding: "utf8" });
  expect(parse(values)).toEqual({ image: later?.sha256 });
  expect(readFileSync(join(folder, "release.json"), "utf8")).toContain('"kind":"chart"');
  const wrong = makeProject({ recipe: `build: ["false"]\n${artifacts("nope")}`, files });
  expect(await failure(wrong.bake())).toBe("ARTIFACT_INVALID: chart: got the name nope, want one of chart, later");
  const itself = makeProject({ recipe: artifacts("chart"), files });
  expect(await failure(itself.bake())).toMatch(/name one another: chart, chart/);
});
