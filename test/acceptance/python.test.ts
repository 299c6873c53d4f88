// Wheels and sdists of small projects of each build backend, as their users have them: a repository, a locked wheelhouse that
// a fetch step fills, baked twice; then the stock clients, pip and uv, install them into clean environments and import them.

import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import type { BakeResult } from "../../src/bake/bake.ts";
import { makeProject } from "../bake/made-project.ts";

const python = "/usr/bin/python3";
let clients: string;

const lock = {
  setuptools: "setuptools==80.9.0 --hash=sha256:062d34222ad13e0cc312a4c02d73f059e86a4acbfbdea8f8f76b28c99f306922",
  packaging: "packaging==26.3 --hash=sha256:d7193f7c8e4e93f444fde0262bf90af30e16fa0ad0ad44cb553c87339b23cd1c",
  hatchling: "hatchling==1.33.0 --hash=sha256:415290b84f464d2884303fca8974d38e7b85579069fab02a15db0828fbb1446d",
  pathspec: "pathspec==1.1.1 --hash=sha256:a00ce642f577bf7f473932318056212bc4f8bfdf53128c78bbd5af0b9b20b189",
  pluggy: "pluggy==1.7.0 --hash=sha256:7dd7b0d8832ba3cb632c306926ded123429211b83641b35dc5c41ad2d34f9bec",
  trove:
    "trove-classifiers==2026.9.21.13 --hash=sha256:8b1ff4f9c191b1040b71c37f1e445ab99732911e3cd91de52838453a854d7a17",
  tomlkit: "tomlkit==0.15.2 --hash=sha256:05562412163a3037b94497385fb7f9204c637bc605af7a48199e41cf2272f437",
  vcs: "hatch-vcs==0.5.0 --hash=sha256:b49677dbdc597460cc22d01b27ab3696f5e16a21ecf2700fb01bc28e1f2a04a7",
  wheel: "wheel==0.48.0 --hash=sha256:3217dcc807155e45db462d7ef2431f5ddda0d7273b700d05a67b271ceb1287ab",
  scm: "setuptools-scm==10.3.4 --hash=sha256:82f34c3e3084fc2b57d397200637cc13f2338004052d2fee47baa5f0e902464e",
  versioning: "vcs-versioning==2.6.0 --hash=sha256:f8bebd1302ebc12e67ceb30fc7dd698ec969414b6fa43b30c3f14ac9b1e72c41",
  flit: "flit-core==4.2.0 --hash=sha256:2bee22dc8ba89c2e35b4e1ad575e596aac945c85672dd8f3cad21b629036e044",
  poetry: "poetry-core==2.5.0 --hash=sha256:98ee465b66f7e14bb9fbe68fb5e00d0cff184f036993ec94610ae4b5612f3add",
} as const;

const recipe = `fetch: [python3 -m pip download -q --require-hashes -r build-requirements.txt -d wheelhouse]
artifacts: { wheel: { kind: wheel }, sdist: { kind: sdist } }
`;

const greeting = {
  "README.md": "# Greet\n\nGrüße.\n",
  "src/greet/words.txt": "hello\n",
  "src/greet/__init__.py": `from pathlib import Path\nWORD = (Path(__file__).parent / "words.txt").read_text().strip()\n`,
};

const metadata = `description = "greets"\nreadme = "README.md"\nrequires-python = ">=3.9"\n`;

beforeAll(() => {
  clients = mkdtempSync(join(tmpdir(), "kiln-python-"));
  run(python, "-m", "pip", "install", "-q", "--target", join(clients, "uv"), "uv==0.13.9");
  const requirements = join(clients, "all.txt");
  writeFileSync(requirements, Object.values(lock).join("\n"));
  const fetched = ["--require-hashes", "-r", requirements, "-d", join(clients, "wheelhouse")];
  run(python, "-m", "pip", "download", "-q", ...fetched);
});
afterAll(() => rmSync(clients, { recursive: true }));

function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], cwd: clients });
}

/** Without the machine's own settings, which may know other places to find packages. */
function client(program: string, ...args: string[]): string {
  const env = { PATH: process.env["PATH"], HOME: clients };
  return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], cwd: clients, env });
}

function uv(...args: string[]): string {
  return run(
    join(clients, "uv/bin/uv"),
    ...args,
    "--quiet",
    "--offline",
    "--no-config",
    "--cache-dir",
    join(clients, "cache"),
  );
}

/** Installs `file` with each client into an environment of its own, and returns what `program` prints in each. */
function inCleanEnvironments(file: string, program: string, ...options: string[]): string[] {
  const folder = mkdtempSync(join(clients, "clean-"));
  const [byPip, byUv] = [join(folder, "pip"), join(folder, "uv")] as const;
  run(python, "-m", "venv", "--without-pip", byPip);
  client(python, "-m", "pip", "--python", join(byPip, "bin/python"), "install", "-q", "--no-index", ...options, file);
  uv("venv", "--python", python, byUv);
  uv("pip", "install", "--no-index", ...options, "--python", join(byUv, "bin/python"), file);
  return [byPip, byUv].map((environment) => run(join(environment, "bin/python"), "-c", program));
}

const pathOf = ({ folder, manifest }: BakeResult, kind: string): string =>
  join(folder, manifest.artifacts.find((artifact) => artifact.kind === kind)?.file ?? "");

const show = "import greet, importlib.metadata as m; print(greet.WORD, m.version('greet'))";

const projects: Record<string, Record<string, string>> = {
  "setuptools, with its version in pyproject.toml": {
    "pyproject.toml": `[build-system]\nrequires = ["setuptools>=77"]\nbuild-backend = "setuptools.build_meta"\n[project]\nname = "greet"\nversion = "0.0.0"  # a bake sets it\n${metadata}[tool.setuptools.package-data]\ngreet = ["*.txt"]\n`,
    "build-requirements.txt": lock.setuptools,
    ...greeting,
  },
  "setuptools, with its version and its files from version control": {
    "pyproject.toml": `[build-system]\nrequires = ["setuptools>=77", "setuptools-scm>=8"]\nbuild-backend = "setuptools.build_meta"\n[project]\nname = "greet"\ndynamic = ["version"]\n${metadata}[tool.setuptools_scm]\n`,
    "build-requirements.txt": [lock.setuptools, lock.scm, lock.versioning, lock.packaging].join("\n"),
    ...greeting,
  },
  "setuptools, with setup.py and setup.cfg alone": {
    "setup.py": "from setuptools import setup\nsetup()\n",
    "setup.cfg": `[metadata]\nname = greet\nversion = 0.1\n[options]\npackage_dir = =src\npackages = greet\npython_requires = >=3.9\n[options.package_data]\ngreet = *.txt\n`,
    "build-requirements.txt": lock.setuptools,
    ...greeting,
  },
  "hatchling, with its version from version control": {
    "pyproject.toml": `[build-system]\nrequires = ["hatchling", "hatch-vcs"]\nbuild-backend = "hatchling.build"\n[project]\nname = "greet"\ndynamic = ["version"]\n${metadata}[tool.hatch.version]\nsource = "vcs"\n`,
    "build-requirements.txt": [
      ...[lock.hatchling, lock.packaging, lock.pathspec, lock.pluggy, lock.trove, lock.tomlkit],
      ...[lock.vcs, lock.setuptools, lock.scm, lock.versioning],
    ].join("\n"),
    ...greeting,
  },
  "poetry-core": {
    "pyproject.toml": `[build-system]\nrequires = ["poetry-core"]\nbuild-backend = "poetry.core.masonry.api"\n[tool.poetry]\nname = "greet"\nversion = "0.0.0"\ndescription = "greets"\nauthors = ["Ada <ada@example.org>"]\nreadme = "README.md"\npackages = [{ include = "greet", from = "src" }]\n[tool.poetry.dependencies]\npython = ">=3.9"\n`,
    "build-requirements.txt": lock.poetry,
    ...greeting,
  },
};

test.each(Object.entries(projects))(
  "%s: the same bytes twice; pip and uv install the wheel and the sdist",
  async (_, files) => {
    const bake = await makeProject({ recipe, files }).bake({ check: "twice" });
    expect(bake.manifest.artifacts).toMatchObject([
      { file: "greet-1.2.3.tar.gz", platform: "any", record: { name: "greet", version: "1.2.3" } },
      {
        file: "greet-1.2.3-py3-none-any.whl",
        platform: "any",
        record: { name: "greet", version: "1.2.3", requires_python: ">=3.9" },
      },
    ]);
    const wheel = pathOf(bake, "wheel");
    expect(inCleanEnvironments(wheel, show)).toEqual(["hello 1.2.3\n", "hello 1.2.3\n"]);
    // From the sdist both build a wheel themselves, by the same backend.
    expect(inCleanEnvironments(pathOf(bake, "sdist"), show, "--find-links", join(clients, "wheelhouse"))).toEqual([
      "hello 1.2.3\n",
      "hello 1.2.3\n",
    ]);
    // RECORD is whole, and the very last.
    const names = run(python, "-c", "import sys, zipfile; print(*zipfile.ZipFile(sys.argv[1]).namelist())", wheel);
    expect(names.trim().split(" ").at(-1)).toBe("greet-1.2.3.dist-info/RECORD");
  },
);

/** For one sort of machine each: both are pinned. */
const maturin = `maturin==1.16.0 \\
  --hash=sha256:837db2f4d93d4899c3ac393fb3cc9eebf35b6002336e5d574f4a4fb6c49fe283 \\
  --hash=sha256:e285ec9eb10243d45d10417178cb2eb76e0cbb184d0aa4378b503489fa12ee78
`;

test("maturin, with a program in Rust: the same bytes twice, for this machine; pip and uv install it", async () => {
  const files = {
    "pyproject.toml": `[build-system]\nrequires = ["maturin>=1.7,<2"]\nbuild-backend = "maturin"\n[project]\nname = "greet"\nversion = "0.0.0"\n${metadata}[tool.maturin]\nbindings = "bin"\n`,
    "Cargo.toml": `[package]\nname = "greet"\nversion = "0.0.0"\nedition = "2021"\n`,
    "Cargo.lock": `version = 4\n\n[[package]]\nname = "greet"\nversion = "0.0.0"\n`,
    "src/main.rs": `fn main() { println!("hello"); }\n`,
    "README.md": "Greets.\n",
    "build-requirements.txt": maturin,
  };
  const wheelAlone = recipe.replace(", sdist: { kind: sdist }", "");
  const bake = await makeProject({ recipe: wheelAlone, files }).bake({ check: "twice" });
  expect(bake.manifest.artifacts).toMatchObject([{ platform: `linux-${process.arch}`, record: { version: "1.2.3" } }]);
  const program =
    "import subprocess, sys; print(subprocess.check_output([sys.prefix + '/bin/greet'], text=True), end='')";
  expect(inCleanEnvironments(pathOf(bake, "wheel"), program)).toEqual(["hello\n", "hello\n"]);
});

test("recipes/wheel is baked, installed by pip and by uv, and used", async () => {
  const project = makeProject({ recipe: "artifacts: { app: { kind: archive, from: . } }\n" });
  const folder = new URL("../../recipes/wheel", import.meta.url).pathname;
  cpSync(folder, project.repository.folder, { recursive: true });
  project.repository.commit();
  project.repository.git("tag", "v1.4.0");
  const bake = await project.bake({ check: "twice" });
  const program = "import plain_sizes as p; print(p.format_size(p.parse_size('1.5 GiB')))";
  expect(inCleanEnvironments(pathOf(bake, "wheel"), program)).toEqual(["1.5 GiB\n", "1.5 GiB\n"]);
  const options = ["--find-links", join(clients, "wheelhouse")];
  expect(inCleanEnvironments(pathOf(bake, "sdist"), program, ...options)).toEqual(["1.5 GiB\n", "1.5 GiB\n"]);
});
