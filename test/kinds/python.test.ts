// Wheels and sdists of projects that bring their own backend (PEP 517's `backend-path`): nothing is fetched, every case is quick.
// test/acceptance/python.test.ts has the backends that people use, and the clients.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { join } from "node:path";

import { expect, test } from "vitest";

import type { BakeResult } from "../../src/bake/bake.ts";
import { KilnError } from "../../src/errors.ts";
import { makeProject, type ProjectOptions } from "../bake/made-project.ts";
import { backend, files, pyproject } from "../fixtures/python-project.ts";

function bake(artifact: string, options: Partial<ProjectOptions> = {}): Promise<BakeResult> {
  const { recipe = "", ...rest } = options;
  return makeProject({
    recipe: `${recipe}\nartifacts: { app: ${artifact} }\n`,
    ...rest,
    files: { ...files, ...rest.files },
  }).bake({ check: "twice" });
}

async function failure(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof KilnError) return `${error.code}: ${error.message} (${error.hint ?? ""})`;
  throw new Error(`got ${String(error)}, want a KilnError`);
}

function python(program: string, ...args: string[]): unknown {
  return JSON.parse(
    execFileSync("/usr/bin/python3", ["-c", `import json, sys, tarfile, zipfile\n${program}`, ...args], {
      encoding: "utf8",
    }),
  );
}

test("wheel: sorted, RECORD whole and last, one time, modes 0644 and 0755; the record is the core metadata", async () => {
  const { folder, manifest } = await bake("{ kind: wheel, settings: { word: x } }");
  const [artifact] = manifest.artifacts;
  const path = join(folder, artifact?.file ?? "");
  expect(
    python(
      "print(json.dumps([[i.filename, oct(i.external_attr >> 16), i.date_time[0]] for i in zipfile.ZipFile(sys.argv[1]).infolist()]))",
      path,
    ),
  ).toEqual([
    ["own/a.py", "0o100644", 2023],
    ["own/run.sh", "0o100755", 2023],
    ["own/z.py", "0o100644", 2023],
    ["own_thing-1.2.3.dist-info/METADATA", "0o100644", 2023],
    ["own_thing-1.2.3.dist-info/WHEEL", "0o100644", 2023],
    ["own_thing-1.2.3.dist-info/RECORD", "0o100644", 2023],
  ]);
  const record = python(
    `print(json.dumps(zipfile.ZipFile(sys.argv[1]).read("own_thing-1.2.3.dist-info/RECORD").decode()))`,
    path,
  );
  const sum = createHash("sha256").update("x").digest("base64url");
  expect(String(record).split("\n")).toEqual([
    `own/a.py,sha256=${sum},1`,
    expect.stringMatching(/^own\/run\.sh,sha256=[\w-]{43},10$/),
    expect.stringContaining("own/z.py,"),
    expect.stringContaining("METADATA,"),
    expect.stringContaining("WHEEL,"),
    "own_thing-1.2.3.dist-info/RECORD,,",
    "",
  ]);
  const text = String(
    python(`print(json.dumps(zipfile.ZipFile(sys.argv[1]).read("own_thing-1.2.3.dist-info/METADATA").decode()))`, path),
  );
  expect(artifact).toMatchObject({
    file: "own_thing-1.2.3-py3-none-any.whl",
    platform: "any",
    record: {
      name: "Own.Thing",
      version: "1.2.3",
      classifier: ["A", "B"],
      requires_dist: ["six>=1", "nose; extra == 'test'"],
      core_metadata: { text, sha256: createHash("sha256").update(text).digest("hex") },
    },
  });
});

test("sdist: packed again with one time, owner 0 and fixed modes", async () => {
  const { folder, manifest } = await bake("{ kind: sdist }");
  const path = join(folder, manifest.artifacts[0]?.file ?? "");
  expect(manifest.artifacts[0]).toMatchObject({
    file: "own_thing-1.2.3.tar.gz",
    platform: "any",
    record: { version: "1.2.3" },
  });
  expect(
    python("print(json.dumps([[m.name, oct(m.mode), m.uid, m.uname] for m in tarfile.open(sys.argv[1])]))", path),
  ).toEqual([
    ["own_thing-1.2.3/PKG-INFO", "0o644", 0, ""],
    ["own_thing-1.2.3/a", "0o644", 0, ""],
    ["own_thing-1.2.3/z", "0o644", 0, ""],
  ]);
});

test.each([
  ["py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64", "linux-x64"],
  ["cp311-cp311-linux_aarch64", "linux-arm64"],
  ["cp311-abi3-musllinux_1_2_x86_64", "linux-x64"],
])("wheel: one for %s is for %s", async (tag, platform) => {
  const { manifest } = await bake("{ kind: wheel }", { files: { "tag.txt": tag } });
  expect(manifest.artifacts[0]?.platform).toBe(platform);
});

test("the version in pyproject.toml is the release's while the backend works, and nothing else in it changes", async () => {
  const toml = `# version = "9"\n${pyproject}[tool.own]\nversion = "9"\n[ project ] # here\nname = "own"\nversion   =   '0.0.0'   # set by a bake\ntext = """\nversion = "1"\n"""\n`;
  const own = `${backend.replace('open("version.txt").read().strip()', 'tomllib.loads(TOML)["project"]["version"]').replace("import io,", `import tomllib, io,`).replace("NAME, VERSION", 'TOML = open("pyproject.toml").read()\nNAME, VERSION')}
assert TOML == ${JSON.stringify(toml.replace("'0.0.0'", '"1.2.3"'))}, TOML
`;
  const { folder, manifest } = await bake("{ kind: wheel }", {
    files: { "pyproject.toml": toml, "backend/own.py": own },
  });
  expect(manifest.artifacts[0]?.file).toBe("own_thing-1.2.3-py3-none-any.whl");
  expect(folder).toContain(".kiln");
});

test("what caches, environments and the wheelhouse hold is no part of the project", async () => {
  const { manifest } = await bake("{ kind: wheel }", {
    recipe: "build: [mkdir -p .venv c wheelhouse p/__pycache__ && touch .venv/pyvenv.cfg c/CACHEDIR.TAG wheelhouse/x]",
    files: {
      "build-requirements.txt": "",
      "backend/own.py": `${backend}assert sorted(os.listdir(".")) == ["backend", "build-requirements.txt", "kiln.yaml", "p", "pyproject.toml", "tag.txt", "version.txt"], os.listdir(".")\nassert os.listdir("p") == []\n`,
    },
  });
  expect(manifest.artifacts).toHaveLength(1);
});

const pinned = (hash: string) => ({
  "pyproject.toml": pyproject.replace("[]", '["thing >= 1"]'),
  "build-requirements.txt": `thing==1.0 --hash=sha256:${hash}\n`,
});
const wheelhouse = `build: ["mkdir wheelhouse && cd wheelhouse && python3 -c \\"import zipfile; z = zipfile.ZipFile('thing-1.0-py3-none-any.whl', 'w'); z.writestr('thing-1.0.dist-info/METADATA', 'Name: thing'); z.close()\\""]`;

test.each<[string, string, Partial<ProjectOptions>, RegExp]>([
  [
    "a folder without a project",
    "{ kind: wheel, from: backend }",
    {},
    /^ARTIFACT_INVALID: app: got no backend\/pyproject\.toml, want a Python project \(name the folder/,
  ],
  ["a folder that isn't there", "{ kind: sdist, from: nothing }", {}, /^ARTIFACT_INVALID: app: got no nothing/],
  [
    "text that isn't TOML",
    "{ kind: wheel }",
    { files: { "pyproject.toml": "[build-system]\nrequires = [" } },
    /^ARTIFACT_INVALID: app: pyproject\.toml:2: got text that isn't TOML/,
  ],
  [
    "a backend path that leads out",
    "{ kind: wheel }",
    { files: { "pyproject.toml": pyproject.replace('"backend"]', '"../x"]') } },
    /backend-path/,
  ],
  [
    "requirements that no file pins",
    "{ kind: wheel }",
    { files: { "pyproject.toml": pyproject.replace("[]", '["hatchling"]') } },
    /got no build-requirements\.txt, want what pins hatchling \(write these into/,
  ],
  [
    "no wheelhouse",
    "{ kind: wheel }",
    { files: pinned("0".repeat(64)) },
    /got no folder wheelhouse, want the wheels of build-requirements\.txt \(fetch: \[python3 -m pip download/,
  ],
  [
    "a wheelhouse that lacks a wheel",
    "{ kind: wheel }",
    { files: pinned("0".repeat(64)), recipe: "build: [mkdir wheelhouse]" },
    /No matching distribution found for thing==1\.0.*\(add it to/s,
  ],
  [
    "a wheel with another hash",
    "{ kind: wheel }",
    { files: pinned("0".repeat(64)), recipe: wheelhouse },
    /^ARTIFACT_INVALID: app: THESE PACKAGES DO NOT MATCH THE HASHES.*a file in wheelhouse isn't the one/s,
  ],
  [
    "requirements without hashes",
    "{ kind: wheel }",
    { files: { ...pinned(""), "build-requirements.txt": "thing==1.0\n" }, recipe: wheelhouse },
    /require-hashes mode.*pin everything in build-requirements\.txt/s,
  ],
  [
    "a requirement that isn't pinned",
    "{ kind: wheel }",
    { files: { ...pinned(""), "build-requirements.txt": "" }, recipe: "build: [mkdir wheelhouse]" },
    /got nothing in build-requirements\.txt for the build requirement thing >= 1/,
  ],
  [
    "a requirement that only the backend knows",
    "{ kind: wheel }",
    { recipe: `env: { WANTS: "six>=1" }` },
    /got nothing in build-requirements\.txt for the build requirement six>=1/,
  ],
  [
    "another version than the release's",
    "{ kind: wheel }",
    { files: { "version.txt": "0.9" } },
    /got version 0\.9 from own, want 1\.2\.3, the release's \(let the recipe take/,
  ],
  [
    "a wheel for another system",
    "{ kind: wheel }",
    { files: { "tag.txt": "cp311-cp311-win_amd64" } },
    /want a wheel for Linux or for any/,
  ],
  [
    "a wheel with a path that leads out",
    "{ kind: wheel }",
    { files: { "extra.txt": "../out" } },
    /got '\.\.\/out' in the wheel/,
  ],
  [
    "an sdist with a link that leads out",
    "{ kind: sdist }",
    { files: { "link.txt": "../../etc" } },
    /got a link to \.\.\/\.\.\/etc at own_thing-1\.2\.3\/link/,
  ],
  [
    "a named pipe in the source",
    "{ kind: wheel }",
    { recipe: "build: [mkfifo pipe]" },
    /got pipe, which can't be copied/,
  ],
  [
    "a backend that fails",
    "{ kind: wheel }",
    { files: { "backend/own.py": "raise SystemExit('no')" } },
    /^STEP_FAILED: wheel: app: got exit status 1/,
  ],
])("%s is one clear error", async (_, artifact, options, message) => {
  expect(await failure(bake(artifact, options))).toMatch(message);
});
