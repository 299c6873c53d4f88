// Virtual environments in packages, for the machine's own system: test/acceptance/venv-deb.test.ts has a base, apt and lintian.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { KilnError } from "../../src/errors.ts";
import { makeProject, type ProjectOptions } from "../bake/made-project.ts";
import { files } from "../fixtures/python-project.ts";

/** Requires nothing, and has a program. */
const application = {
  ...files,
  "requirements.txt": "",
  "backend/own.py": files["backend/own.py"]
    .replace("Requires-Dist: six>=1\\n", "")
    .replace(
      '"own/z.py": "",',
      '"own/z.py": "x = 1", f"{info}/entry_points.txt": "[console_scripts]\\nown = own.z:x\\n",',
    ),
};
const empty = "build: [mkdir wheelhouse]\n";

function bake(artifact: string, options: Partial<ProjectOptions & { isolation: "none" }> = {}) {
  const { recipe = empty, isolation = "bubblewrap", ...rest } = options;
  const made = {
    recipe: `${recipe}artifacts: { app: ${artifact} }\n`,
    ...rest,
    files: { ...application, ...rest.files },
  };
  return makeProject(made).bake({ check: "twice", isolation });
}

async function failure(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof KilnError) return `${error.code}: ${error.message} (${error.hint ?? ""})`;
  throw new Error(`got ${String(error)}, want a KilnError`);
}

test("an application at its final path, with programs in /usr/bin, for exactly one Python, and files beside it", async () => {
  const { folder, manifest } = await bake(
    "{ kind: venv-deb, from: ., path: /usr/share/own, programs: [own], files: { /etc/own.conf: tag.txt } }",
  );
  const deb = join(folder, manifest.artifacts[0]?.file ?? "");
  expect(manifest.artifacts[0]).toMatchObject({
    file: "sample_1.2.3_all.deb",
    platform: "any",
    record: { Package: "sample", Depends: expect.stringMatching(/^python3\.\d+$/) },
  });
  const list = execFileSync("dpkg-deb", ["--contents", deb], { encoding: "utf8" });
  expect(list).toContain("./usr/bin/own -> ../share/own/bin/own\n");
  expect(list).toMatch(/\.\/usr\/share\/own\/bin\/(python3\.\d+) -> \.\.\/\.\.\/\.\.\/bin\/\1\n/);
  expect(list).toMatch(/own\/__pycache__\/z\.cpython-\d+\.pyc\n/);
  expect(list).toContain("./etc/own.conf\n");
  expect(list).not.toMatch(/direct_url|pip/);
});

/** A wheel of nothing but its metadata. */
const thing = execFileSync("/usr/bin/python3", [
  "-c",
  `import io, sys, zipfile
made = io.BytesIO()
with zipfile.ZipFile(made, "w") as file:
    for name, text in {"METADATA": "Metadata-Version: 2.1\\nName: thing\\nVersion: 1.0\\n", "WHEEL": "Wheel-Version: 1.0\\nGenerator: own\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n", "RECORD": ""}.items():
        file.writestr(zipfile.ZipInfo("thing-1.0.dist-info/" + name), text)
sys.stdout.buffer.write(made.getvalue())`,
]);

test("the SBOM lists what the environment holds, whatever its lock file is called", async () => {
  const hash = createHash("sha256").update(thing).digest("hex");
  const { folder, manifest } = await bake("{ kind: venv-deb, requirements: lock/production.txt }", {
    recipe: "build: [mkdir wheelhouse, base64 -d thing.txt > wheelhouse/thing-1.0-py3-none-any.whl]\n",
    files: {
      "thing.txt": thing.toString("base64"),
      "lock/production.txt": `thing==1.0 --hash=sha256:${hash}\n`,
      "requirements.txt": `other==2.0 --hash=sha256:${"0".repeat(64)}\n`,
    },
  });
  const sbom = readFileSync(join(folder, manifest.artifacts[0]?.sbom.file ?? ""), "utf8");
  expect(sbom).toContain('"pkg:pypi/thing@1.0"');
  expect(sbom).not.toContain("pkg:pypi/other");
});

test.each<[string, string, Parameters<typeof bake>[1], RegExp]>([
  [
    "no lock file",
    "{ kind: venv-deb, requirements: lock.txt }",
    {},
    /got no lock\.txt, want what pins all that is installed \(lock it: /,
  ],
  [
    "no wheelhouse",
    "{ kind: venv-deb }",
    { recipe: "" },
    /got no wheelhouse, want the wheels of requirements\.txt \(fetch: /,
  ],
  [
    "a locked wheel that isn't there",
    "{ kind: venv-deb }",
    { files: { "requirements.txt": `thing==1 --hash=sha256:${"0".repeat(64)}\n` } },
    /No matching distribution found for thing==1/,
  ],
  [
    "a lock without hashes",
    "{ kind: venv-deb }",
    { files: { "requirements.txt": "thing==1\n" } },
    /No matching distribution|require-hashes/,
  ],
  [
    "what the application requires and nothing pins",
    "{ kind: venv-deb, from: . }",
    { files: { "backend/own.py": files["backend/own.py"] } },
    /got nothing in requirements\.txt for the application's requirement six>=1 \(add it to requirements\.txt/,
  ],
  [
    "a program that isn't there",
    "{ kind: venv-deb, from: ., programs: [other] }",
    {},
    /programs: got other, want one that the environment has: own \(/,
  ],
  ["a path that isn't the package's", "{ kind: venv-deb, path: /usr/bin }", {}, /^RECIPE_INVALID: .*a folder below/],
  ["no sandbox", "{ kind: venv-deb, from: . }", { isolation: "none" }, /^SANDBOX_FAILED: got isolation none/],
])("%s is one clear error", async (_, artifact, options, message) => {
  expect(await failure(bake(artifact, options))).toMatch(message);
});
