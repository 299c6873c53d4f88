import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { isKilnError, KilnError } from "../../src/errors.ts";
import { temporaryFolder } from "../system/made-repository.ts";
import { makeProject } from "./made-project.ts";

const files = { "package.json": '{"name":"sample","version":"0.0.0","files":["dist"]}' };
const artifacts = {
  app: "app: { kind: archive, from: dist }",
  library: "library: { kind: npm }",
  package: "package: { kind: deb, files: { /usr/share/sample: dist } }",
};

async function bakeTwice(build: string, artifact: string): Promise<string> {
  const project = makeProject({
    files,
    recipe: `build: [mkdir -p dist, ${JSON.stringify(build)}]\nartifacts: { ${artifact} }\n`,
  });
  try {
    await project.bake({ check: "twice" });
    return "the same";
  } catch (error) {
    if (!(error instanceof KilnError) || error.code !== "NOT_REPRODUCIBLE") throw error;
    // Nothing that a publish could pick up.
    expect(readdirSync(project.kilnFolder).filter((name) => /^[0-9a-f]{64}$/.test(name))).toEqual([]);
    const kept = String(error.details["kept"]);
    expect(existsSync(join(kept, "first/release.json")) && existsSync(join(kept, "second/release.json"))).toBe(true);
    return error.message;
  }
}

test("a build that depends on its source alone is the same under another path, umask, time zone and clock", async () => {
  const all = `${artifacts.app}, ${artifacts.library}, ${artifacts.package}`;
  expect(await bakeTwice("cp kiln.yaml dist/x; touch dist/run; chmod +x dist/run; ln -s x dist/link", all)).toBe(
    "the same",
  );
});

test.each([
  [
    "the clock",
    "date -u +%s > dist/stamp",
    artifacts.app,
    /^app \(sample-app-1\.2\.3\.tar\.zst\): stamp differs from byte \d+ \(line 1\) on: "\d+.*" and then "\d+.* \(it looks like the time of the build: take SOURCE_DATE_EPOCH/,
  ],
  [
    "the path",
    "pwd > dist/where",
    artifacts.app,
    /where differs from byte \d+ .*it holds the path that it was built at/,
  ],
  ["the time zone", "date -d @0 +%z > dist/zone", artifacts.app, /zone differs from byte \d+/],
  [
    "the clock, in a .deb, whose checksums differ because of it",
    "date -u +%s > dist/stamp",
    artifacts.package,
    /^package .*: usr\/share\/sample\/stamp differs/,
  ],
  [
    "the clock, in an .rpm, whose header differs because of it",
    "date -u +%s > dist/stamp",
    "package: { kind: rpm, license: MIT, description: x, files: { /usr/share/sample: dist } }",
    /^package .*: usr\/share\/sample\/stamp differs/,
  ],
  [
    "the umask, in an npm package",
    "umask > dist/umask",
    artifacts.library,
    /^library .*: package\/dist\/umask differs/,
  ],
  [
    "the clock, in a .deb",
    "date -u +%s > dist/stamp",
    artifacts.package,
    /^package .*: usr\/share\/sample\/stamp differs|md5sums differs/,
  ],
  [
    "a length",
    "pwd > dist/a; pwd | wc -c | xargs -I N head -c N /dev/zero > dist/zeros; : > dist/a",
    artifacts.app,
    /zeros differs in length: \d+ bytes and then \d+/,
  ],
  [
    "a file that comes and goes",
    'case "$PWD" in /build/*) touch dist/once;; *) touch dist/other;; esac',
    artifacts.app,
    /once is in the first alone/,
  ],
  [
    "a mode",
    'touch dist/x; case "$PWD" in /build/*) chmod +x dist/x;; esac',
    artifacts.app,
    /x has mode 0755 and then 0644/,
  ],
])("a build into which %s leaks is refused, and the file is named", async (_, build, artifact, message) => {
  expect(await bakeTwice(build, artifact)).toMatch(message);
});

test("where diffoscope is installed, what it says is kept beside the two bakes", async () => {
  const programs = temporaryFolder();
  const script = `#!/bin/sh
while test "$1" != --text; do shift; done
report=$2; shift 3
cmp "$1" "$2" > "$report"
exit 1
`;
  writeFileSync(join(programs, "diffoscope"), script, { mode: 0o755 });
  const project = makeProject({
    recipe: `build: [mkdir dist, pwd > dist/where]\nartifacts: { app: { kind: archive, from: dist } }\n`,
    env: { PATH: `${programs}:${process.env["PATH"]}` },
  });
  const error: unknown = await project.bake({ check: "twice" }).catch((thrown: unknown) => thrown);
  if (!isKilnError(error, "NOT_REPRODUCIBLE")) throw new Error("the bake is the same");
  expect(error.hint).toMatch(/and diffoscope\.txt shows all differences$/);
  const said = readFileSync(join(String(error.details["kept"]), "diffoscope.txt"), "utf8");
  expect(said).toMatch(/first\/sample-app-1\.2\.3\.tar\.zst .*second\/sample-app-1\.2\.3\.tar\.zst differ/);
});

test("a bake that is kept is compared with a new one, and stays", async () => {
  const project = makeProject({ recipe: `artifacts: { app: { kind: archive, from: kiln.yaml } }\n` });
  const { identity } = await project.bake();
  expect(await project.bake({ check: "twice" })).toMatchObject({ identity, cached: true });
  expect(project.reported.some((line) => line.endsWith("all the same"))).toBe(true);
});
