import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";

import { expect, test } from "vitest";

import type { Artifact } from "../../src/artifact/manifest.ts";
import { KilnError } from "../../src/errors.ts";
import { kinds } from "../../src/kinds/index.ts";
import { makeProject, type ProjectOptions } from "../bake/made-project.ts";
import { temporaryFolder } from "../system/made-repository.ts";

interface Made {
  readonly artifact: Artifact;
  readonly path: string;
}

async function make(artifact: string, options: Partial<ProjectOptions> & { build?: string } = {}): Promise<Made> {
  const { build = "true", ...rest } = options;
  const project = makeProject({
    recipe: `build: [${JSON.stringify(build)}]\nartifacts: { app: ${artifact} }\n`,
    ...rest,
  });
  const { folder, manifest } = await project.bake();
  const made = manifest.artifacts[0];
  if (made === undefined) throw new Error("no artifact");
  return { artifact: made, path: join(folder, made.file) };
}

async function failure(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof KilnError) return `${error.code}: ${error.message}`;
  throw new Error(`got ${String(error)}, want a KilnError`);
}

function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

test.each(kinds.map((kind) => [kind.name, kind] as const))("%s: every field of its schema is described", (_, kind) => {
  for (const [name, field] of Object.entries(kind.schema.shape)) {
    if (name !== "kind")
      expect([name, field.description?.length ?? 0]).toEqual([name, expect.toSatisfy((length: number) => length > 5)]);
  }
});

const built =
  "mkdir -p dist/sub && echo x > 'dist/a file' && touch dist/sub/run && chmod 711 dist/sub/run && ln -s ../sub dist/sub/self";

test("archive: the folder's content is the top level; file name, platform and record say what it is", async () => {
  const { artifact, path } = await make("{ kind: archive, from: dist }", { build: built });
  expect(artifact).toMatchObject({
    file: "sample-app-1.2.3.tar.zst",
    platform: "any",
    record: { format: "tar.zst", entries: 4, unpackedSize: 2 },
  });
  expect(run("tar", "--zstd", "-tf", path).split("\n").filter(Boolean)).toEqual([
    "a file",
    "sub/",
    "sub/run",
    "sub/self",
  ]);
});

test("archive: an artifact that is called like the release has a short name; a file alone is packed, too", async () => {
  const project = makeProject({ recipe: "artifacts: { sample: { kind: archive, from: kiln.yaml } }\n" });
  const { manifest } = await project.bake();
  expect(manifest.artifacts[0]).toMatchObject({ file: "sample-1.2.3.tar.zst", record: { entries: 1 } });
});

test("a folder with a program is for the machine that the program is for; one with programs for several is for any", async () => {
  const copy = "mkdir -p dist && cp /usr/bin/true dist/true";
  const native = await make("{ kind: archive, from: dist }", { build: copy });
  expect(native.artifact.platform).toBe(`linux-${process.arch}`);
  // Byte 18 of an ELF header is the machine: another one.
  const other = `printf '\\363' | dd of=dist/other bs=1 seek=18 conv=notrunc status=none`;
  const both = await make("{ kind: archive, from: dist }", { build: `${copy} && cp dist/true dist/other && ${other}` });
  expect(both.artifact.platform).toBe("any");
});

test.each([
  ["nothing", "true", /got no dist after the build/],
  ["an empty folder", "mkdir -p dist/deep", /got nothing in dist/],
  ["a link to the host's files", "ln -s /etc dist", /got a link out of the source at dist/],
  ["a link to a file that only the host has", "ln -s /root dist", /got a link out of the source at dist/],
  ["a named pipe", "mkdir dist && mkfifo dist/p", /got a named pipe/],
  ["a link out of it inside", "mkdir dist && ln -s /etc/passwd dist/p", /want one that stays inside/],
])("a build that leaves %s where the artifact should be is refused", async (_, build, message) => {
  expect(await failure(make("{ kind: deb, files: { /usr/share/x: dist } }", { build }))).toMatch(/^ARTIFACT_INVALID: /);
  expect(await failure(make("{ kind: archive, from: dist }", { build }))).toMatch(message);
});

test("a link on the way to the artifact that stays in the source is followed", async () => {
  const { path } = await make("{ kind: archive, from: current/dist }", {
    build: `${built}; mkdir v1; mv dist v1; ln -s v1 current`,
  });
  expect(run("tar", "--zstd", "-tf", path)).toContain("sub/run");
});

const controlOf = (path: string) => run("dpkg-deb", "--field", path);

test("deb: dpkg reads what the recipe says, with fixed owner, modes and times", async () => {
  const { artifact, path } = await make(
    `{ kind: deb, depends: [nodejs (>= 20), "a | b"], maintainer: "Jo <jo@example.org>", section: utils,
       description: "Does it\\n\\nat length", files: { /usr/lib/sample: dist, /etc/sample/: kiln.yaml, /usr/bin/run: dist/sub/run } }`,
    { build: built },
  );
  expect(artifact.file).toBe("sample_1.2.3_all.deb");
  expect(controlOf(path)).toBe(`Package: sample
Version: 1.2.3
Section: utils
Priority: optional
Architecture: all
Maintainer: Jo <jo@example.org>
Installed-Size: ${String(artifact.record["Installed-Size"])}
Depends: nodejs (>= 20), a | b
Description: Does it
 .
 at length
`);
  const fields = controlOf(path)
    .trimEnd()
    .split(/\n(?! )/)
    .map((line) => line.split(/: (.*)/s).slice(0, 2));
  expect(artifact.record).toEqual(Object.fromEntries(fields));
  const listing = run("dpkg-deb", "--contents", path).trim().split("\n");
  for (const line of listing) expect(line).toMatch(/^(?:drwxr-xr-x|-rwxr-xr-x|-rw-r--r--|lrwxrwxrwx) root\/root /);
  const modes = Object.fromEntries(listing.map((line) => [line.replace(/^.*\d\d:\d\d /, ""), line.slice(0, 10)]));
  expect(modes).toMatchObject({
    "./usr/lib/sample/a file": "-rw-r--r--",
    "./usr/lib/sample/sub/run": "-rwxr-xr-x",
    "./usr/bin/run": "-rwxr-xr-x",
    "./etc/sample/kiln.yaml": "-rw-r--r--",
    "./usr/lib/sample/sub/self -> ../sub": "lrwxrwxrwx",
  });
  const out = temporaryFolder();
  run("dpkg-deb", "--raw-extract", path, join(out, "x"));
  expect(readFileSync(join(out, "x/DEBIAN/conffiles"), "utf8")).toBe("/etc/sample/kiln.yaml\n");
  const sums = readFileSync(join(out, "x/DEBIAN/md5sums"), "utf8").trim().split("\n");
  // Not of the configuration file, whose sum dpkg keeps itself.
  expect(sums.map((line) => line.slice(34))).toEqual([
    "usr/bin/run",
    "usr/lib/sample/a file",
    "usr/lib/sample/sub/run",
    "usr/share/doc/sample/changelog.gz",
    "usr/share/doc/sample/copyright",
  ]);
  for (const line of sums) {
    const [sum, name] = [line.slice(0, 32), line.slice(34)];
    expect(
      createHash("md5")
        .update(readFileSync(join(out, "x", name)))
        .digest("hex"),
    ).toBe(sum);
  }
});

test("deb: dpkg installs it into a root of its own, and finds nothing to complain about", async () => {
  const { path } = await make("{ kind: deb, files: { /opt/sample: dist } }", { build: built });
  const root = temporaryFolder();
  mkdirSync(join(root, "var/lib/dpkg/info"), { recursive: true });
  mkdirSync(join(root, "var/lib/dpkg/updates"), { recursive: true });
  execFileSync("touch", [join(root, "var/lib/dpkg/status")]);
  const options = ["--root", root, "--force-not-root", "--force-bad-path", "--log", join(root, "log")];
  run("dpkg", ...options, "--install", path);
  expect(readFileSync(join(root, "opt/sample/a file"), "utf8")).toBe("x\n");
  expect(run("dpkg", ...options, "--verify", "sample")).toBe("");
});

test("deb: a program inside makes it a package for its machine", async () => {
  const { artifact } = await make("{ kind: deb, files: { /usr/bin/sample: program } }", {
    build: "cp /usr/bin/true program",
  });
  const debian = run("dpkg", "--print-architecture").trim();
  expect(artifact).toMatchObject({ file: `sample_1.2.3_${debian}.deb`, platform: `linux-${process.arch}` });
});

test.each([
  [
    "a name with a line break",
    'mkdir dist && touch "dist/a\nb"',
    "{ kind: deb, files: { /usr/share/x: dist } }",
    /a line break in/,
  ],
  [
    "two files for one path",
    "mkdir a b && touch a/x b/x",
    "{ kind: deb, files: { /usr/a: a, /usr/a/: b/x } }",
    /got two files for \/usr\/a\/x/,
  ],
  [
    "DEBIAN as content",
    "mkdir dist && touch dist/x",
    "{ kind: deb, files: { /DEBIAN: dist } }",
    /DEBIAN as the top of/,
  ],
])("deb: %s is refused", async (_, build, artifact, message) => {
  expect(await failure(make(artifact, { build }))).toMatch(message);
});

test.each([
  ["a line break in a relation", '{ kind: deb, depends: ["a\\nEvil: yes"], files: { /x: kiln.yaml } }'],
  ["a comma in a relation", '{ kind: deb, depends: ["a, b"], files: { /x: kiln.yaml } }'],
  ["a line break in the maintainer", '{ kind: deb, maintainer: "a\\nEvil: yes", files: { /x: kiln.yaml } }'],
  ["a target with ..", "{ kind: deb, files: { /usr/../x: kiln.yaml } }"],
  ["a relative target", "{ kind: deb, files: { usr/x: kiln.yaml } }"],
  ["a source outside", "{ kind: deb, files: { /x: ../kiln.yaml } }"],
  ["an absolute source", "{ kind: archive, from: /etc }"],
])("%s is an error of the recipe", async (_, artifact) => {
  expect(await failure(make(artifact))).toMatch(/^RECIPE_INVALID: kiln\.yaml:\d+:\d+: /);
});

test("deb: a description can't add a field", async () => {
  const { path } = await make('{ kind: deb, description: "one\\nEvil: yes\\n\\n.", files: { /x: kiln.yaml } }');
  expect(run("dpkg-deb", "--field", path, "Evil").trim()).toBe("");
  expect(run("dpkg-deb", "--field", path, "Description")).toBe("one\n Evil: yes\n .\n .\n");
});

test("deb: of what the recipe doesn't say, a maintainer and a description are there", async () => {
  const { path } = await make("{ kind: deb, files: { /usr/share/x: kiln.yaml } }");
  expect(run("dpkg-deb", "--field", path, "Maintainer")).toBe("Unknown <unknown@kiln.invalid>\n");
  expect(run("dpkg-deb", "--field", path, "Description")).toBe("Files of a release\n This package contains sample.\n");
  const short = await make("{ kind: deb, description: Does it., files: { /usr/share/x: kiln.yaml } }");
  expect(run("dpkg-deb", "--field", short.path, "Description")).toBe("Does it.\n This package contains sample.\n");
});

test("deb: a line of the description that begins with a dot stays text: Debian has other plans for those", async () => {
  const { path } = await make('{ kind: deb, description: "one\\n.npmrc is read\\n...", files: { /x: kiln.yaml } }');
  expect(run("dpkg-deb", "--field", path, "Description")).toBe("one\n  .npmrc is read\n  ...\n");
});

const packageFiles = {
  "package.json": JSON.stringify({
    name: "@acme/sample",
    version: "0.0.0",
    description: "d",
    bin: "cli.js",
    files: ["cli.js", "lib"],
    scripts: { prepack: "touch lib/evil", postinstall: "echo hi" },
    dependencies: { semver: "^7.0.0" },
  }),
  "cli.js": "#!/usr/bin/env node\n",
  "lib/index.js": "",
  "other.js": "",
};

test("npm: npm's own tarball, with the release's version, none of its scripts run, and the record that a packument needs", async () => {
  const { artifact, path } = await make("{ kind: npm }", { files: packageFiles, build: "chmod 600 lib/index.js" });
  const bytes = readFileSync(path);
  expect(artifact).toMatchObject({
    file: "acme-sample-1.2.3.tgz",
    record: {
      name: "@acme/sample",
      version: "1.2.3",
      description: "d",
      bin: { sample: "cli.js" },
      dependencies: { semver: "^7.0.0" },
      hasInstallScript: true,
      dist: {
        integrity: `sha512-${createHash("sha512").update(bytes).digest("base64")}`,
        shasum: createHash("sha1").update(bytes).digest("hex"),
        fileCount: 3,
      },
    },
  });
  expect(run("tar", "-tzf", path).trim().split("\n").toSorted()).toEqual([
    "package/cli.js",
    "package/lib/index.js",
    "package/package.json",
  ]);
  const inside = JSON.parse(run("tar", "-xOzf", path, "package/package.json")) as Record<string, unknown>;
  expect(Object.keys(inside)[0]).toBe("name");
  expect(inside["version"]).toBe("1.2.3");
  expect(run("tar", "-tvzf", path)).toMatch(/-rw-r--r-- 0\/0 .*lib\/index\.js/);
});

test("npm: packing leaves the source as it was, so that artifacts don't depend on their order", async () => {
  const one = makeProject({
    files: packageFiles,
    recipe: "artifacts: { a: { kind: npm }, z: { kind: archive, from: . } }\n",
  });
  const { folder } = await one.bake();
  const text = run("tar", "--zstd", "-xOf", join(folder, "sample-z-1.2.3.tar.zst"), "package.json");
  expect(text).toBe(packageFiles["package.json"]);
  expect(run("tar", "--zstd", "-tf", join(folder, "sample-z-1.2.3.tar.zst"))).not.toContain(".git");
});

test("npm: stock npm installs it", async () => {
  const { path } = await make("{ kind: npm }", {
    files: {
      "package.json": '{"name":"sample","version":"0.0.0","bin":"cli.js"}',
      "cli.js": "#!/usr/bin/env node\nconsole.log('it runs')\n",
    },
  });
  const prefix = temporaryFolder();
  execFileSync("npm", ["install", "--offline", "--no-audit", "--prefix", prefix, path], {
    stdio: "pipe",
    env: { PATH: `${dirname(realpathSync(process.execPath))}:${process.env["PATH"]}`, HOME: prefix },
  });
  expect(run(join(prefix, "node_modules/.bin/sample"))).toBe("it runs\n");
});

test.each([
  ["no package.json", {}, /library|app: package\.json: got no such file/],
  ["a package.json that isn't JSON", { "package.json": "{" }, /got text that isn't JSON/],
  ["a package.json without a name", { "package.json": '{"version":"1.0.0"}' }, /name/],
  ["a name that is none", { "package.json": '{"name":"../x","version":"1.0.0"}' }, /an npm package name/],
])("npm: %s is refused", async (_, files, message) => {
  expect(await failure(make("{ kind: npm }", { files }))).toMatch(message);
});

test("npm: a package.json that a build made a link isn't written through", async () => {
  const outside = temporaryFolder();
  const build = `ln -sf ${outside}/victim package.json`;
  expect(await failure(make("{ kind: npm }", { files: packageFiles, build }))).toMatch(
    /^ARTIFACT_INVALID: app: package\.json: got no such file/,
  );
  expect(readdirSync(outside)).toEqual([]);
});

test("a version that a format can't write is refused before anything is packed", async () => {
  const project = makeProject({ files: packageFiles, recipe: "artifacts: { app: { kind: npm } }\n" });
  project.repository.commit({
    "kiln.yaml": `kiln: 1\nname: sample\nversion: { from: static, value: "2024.05.01" }\nartifacts: { app: { kind: npm } }\n`,
  });
  expect(await failure(project.bake())).toMatch(/^VERSION_UNMAPPABLE: /);
});
