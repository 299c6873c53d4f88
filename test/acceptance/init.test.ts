// `kiln init` on a project of each sort, as somebody has it who has never seen Kiln: the recipe is committed as it was written,
// and bakes at once, in the sandbox.

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { execa } from "execa";
import { expect, test } from "vitest";

import { commit, emptyScene, git, kilnDone, removeScene, type Scene } from "../fixtures/scene.ts";

interface Sort {
  readonly files: Readonly<Record<string, string>>;
  /** Makes what the project's own tools would have made: its lock file. */
  readonly lock?: readonly [string, ...string[]];
  readonly tag?: string;
  /** Where the project lies in the repository. */
  readonly folder?: string;
  readonly makes: readonly string[];
}

const json = JSON.stringify;
const ms = { ms: "2.1.3" };
const npmLock = ["npm", "install", "--package-lock-only", "--ignore-scripts", "--silent"] as const;
const python = (backend: string, requires: string, rest: string) =>
  `[build-system]\nrequires = [${json(requires)}]\nbuild-backend = ${json(backend)}\n${rest}`;
const tests = {
  "requirements-dev.txt": "pytest==8.4.2\n",
  "tests/test_greet.py": "import greet\n\n\ndef test_word():\n    assert greet.WORD\n",
};
const control = `Source: greet
Section: utils
Maintainer: Kiln examples <examples@kiln.invalid>
Build-Depends: debhelper-compat (= 13)
Homepage: https://example.org/greet

Package: greet
Architecture: any
Depends: \${shlibs:Depends}, \${misc:Depends}, base-files (>= 10)
Description: says hello
 To whoever asks.
`;
const greetC = '#include <stdio.h>\nint main(void) { puts("hello"); }\n';
const makefile = `all: greet
greet: greet.c
	cc -O2 -o greet greet.c
install: all
	install -D greet $(DESTDIR)$(PREFIX)/bin/greet
`;

const sorts: Record<string, Sort> = {
  "npm, a library": {
    files: {
      "package.json": json({
        name: "@acme/greet",
        version: "1.4.0",
        main: "dist.js",
        files: ["dist.js"],
        scripts: { build: "cp index.js dist.js", test: "node --eval 'require(`./dist.js`)'" },
        dependencies: ms,
      }),
      "index.js": "exports.word = require('ms')('2 days');\n",
      ".gitignore": "node_modules\ndist.js\n",
    },
    lock: npmLock,
    makes: ["package npm acme-greet-1.4.0.tgz"],
  },
  "npm, a service that isn't for others": {
    files: {
      "package.json": json({
        name: "greet",
        version: "1.4.0",
        private: true,
        scripts: { start: "node ." },
        dependencies: ms,
      }),
      "index.js": "console.log(require('ms')('2 days'));\n",
      Dockerfile: "FROM scratch\n",
    },
    lock: npmLock,
    makes: ["app archive greet-app-1.4.0.tar.zst"],
  },
  "pnpm, a monorepo": {
    files: {
      "package.json": json({
        name: "all",
        private: true,
        packageManager: "pnpm@9.15.0",
        scripts: { build: "pnpm -r build" },
      }),
      "pnpm-workspace.yaml": "packages: [packages/*]\ncatalog:\n  ms: 2.1.3\n",
      "packages/core/package.json": json({
        name: "@acme/core",
        version: "0.1.0",
        scripts: { build: "echo > built.js" },
        dependencies: { ms: "catalog:" },
      }),
      "packages/app/package.json": json({
        name: "acme",
        version: "0.1.0",
        dependencies: { "@acme/core": "workspace:^" },
      }),
      "packages/site/package.json": json({ name: "site", private: true }),
    },
    lock: ["npx", "--yes", "pnpm@9.15.0", "install", "--lockfile-only", "--silent"],
    tag: "v2.0.0",
    makes: ["acme npm acme-2.0.0.tgz", "acme-core npm acme-core-2.0.0.tgz"],
  },
  "yarn, in a folder of a repository of others": {
    files: {
      "package.json": json({
        name: "greet",
        version: "1.4.0",
        scripts: { prepack: "node build.js" },
        dependencies: ms,
      }),
      "build.js": "require('node:fs').writeFileSync('built.js', `// ${require('ms')('2 days')}\\n`);\n",
      ".gitignore": "node_modules\n",
    },
    lock: ["npx", "--yes", "yarn@1.22.22", "install", "--ignore-scripts", "--silent"],
    folder: "js/greet",
    makes: ["package npm greet-1.4.0.tgz"],
  },
  "Python with a version in pyproject.toml": {
    files: {
      "pyproject.toml": python(
        "setuptools.build_meta",
        "setuptools>=77",
        '[project]\nname = "greet"\nversion = "1.4.0"\n',
      ),
      "src/greet/__init__.py": 'WORD = "hello"\n',
      ...tests,
    },
    makes: ["sdist sdist greet-1.4.0.tar.gz", "wheel wheel greet-1.4.0-py3-none-any.whl"],
  },
  "Python with a version in the code, in a folder, in spite of a tag": {
    files: {
      "pyproject.toml": python(
        "flit_core.buildapi",
        "flit_core >=3.11,<4",
        '[project]\nname = "greet"\ndynamic = ["version", "description"]\nrequires-python = ">=3.9"\n',
      ),
      "greet/__init__.py": '"""Greets."""\n\n__version__ = "1.4.0"\n',
    },
    tag: "v9.0.0",
    folder: "python",
    makes: ["sdist sdist greet-1.4.0.tar.gz", "wheel wheel greet-1.4.0-py3-none-any.whl"],
  },
  "Python with setup.py alone": {
    files: {
      "setup.py": 'from setuptools import setup\n\nsetup(name="greet", version="1.4.0", py_modules=["greet"])\n',
      "greet.py": "",
    },
    makes: ["sdist sdist greet-1.4.0.tar.gz", "wheel wheel greet-1.4.0-py3-none-any.whl"],
  },
  "Rust, programs": {
    files: {
      "Cargo.toml":
        '[package]\nname = "greet"\nversion = "1.4.0"\nedition = "2021"\n[dependencies]\nitoa = "=1.0.14"\n',
      "src/main.rs":
        'fn main() {\n    println!("{}", itoa::Buffer::new().format(3));\n}\n\n#[test]\nfn adds() {\n    assert_eq!(1 + 1, 2);\n}\n',
      "src/bin/other.rs": "fn main() {}\n",
      ".gitignore": "target\n",
    },
    lock: ["/usr/bin/cargo", "generate-lockfile", "--quiet"],
    makes: ["programs archive greet-programs-1.4.0.tar.zst"],
  },
  "Rust, a library": {
    files: {
      "Cargo.toml": '[package]\nname = "greet"\nversion = "1.4.0"\nedition = "2021"\n',
      "src/lib.rs": '/// The word.\npub const WORD: &str = "hello";\n',
    },
    makes: ["crate archive greet-crate-1.4.0.tar.zst"],
  },
  "Go, a program": {
    files: {
      "go.mod": "module example.org/acme/greet/v2\n\ngo 1.19\n\nrequire github.com/google/uuid v1.6.0\n",
      "go.sum":
        "github.com/google/uuid v1.6.0 h1:NIvaJDMOsjHA8n1jAhLSgzrAzy1Hgr+hNrb57e+94F0=\ngithub.com/google/uuid v1.6.0/go.mod h1:TIyPZe4MgqvfeYDBFedMoGGpEw/LqOeaOT+nhxU+yHo=\n",
      "cmd/greet/main.go":
        'package main\n\nimport "github.com/google/uuid"\n\nfunc main() { println(uuid.Nil.String()) }\n',
      "greet.go": "package greet\n",
    },
    tag: "v2.0.1",
    makes: ["programs archive greet-programs-2.0.1.tar.zst"],
  },
  "Debian, of a program in C": {
    files: {
      "debian/control": control,
      "debian/changelog":
        "greet (1.4.0-2) unstable; urgency=medium\n\n  * First.\n\n -- Kiln examples <examples@kiln.invalid>  Mon, 02 Jan 2023 10:00:00 +0000\n",
      "debian/rules": "#!/usr/bin/make -f\n%:\n\tdh $@\n",
      "debian/postinst": "#!/bin/sh\nset -e\n#DEBHELPER#\n",
      "greet.c": greetC,
      Makefile: makefile,
    },
    makes: [`greet deb greet_1.4.0_${process.arch === "x64" ? "amd64" : process.arch}.deb`],
  },
  "Debian, of scripts that an install file places": {
    files: {
      "debian/control": control.replace("Architecture: any", "Architecture: all"),
      "debian/install": "greet.sh usr/bin\ndata/words usr/share/greet\n",
      "debian/greet.service": "[Service]\nExecStart=/usr/bin/greet.sh\n",
      "greet.sh": "#!/bin/sh\necho hello\n",
      "data/words/en": "hello\n",
    },
    tag: "1.4.0",
    makes: ["greet deb greet_1.4.0_all.deb"],
  },
  "nothing but a Makefile": {
    files: { Makefile: makefile, "greet.c": greetC },
    tag: "v1.4.0",
    makes: ["source archive project-source-1.4.0.tar.zst"],
  },
};

function write(folder: string, files: Sort["files"]): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

/** With the environment of whoever works there: the tools' own settings are the machine's. */
async function inScene(work: (scene: Scene) => Promise<void>): Promise<void> {
  const scene = emptyScene();
  try {
    await git(scene, "init", "--quiet", "--initial-branch", "main");
    await work(scene);
  } finally {
    await removeScene(scene);
  }
}

test.each(Object.entries(sorts))("%s", { timeout: 240_000 }, async (_, sort) => {
  await inScene(async (scene) => {
    const folder = join(scene.project, sort.folder ?? ".");
    write(folder, sort.files);
    const [program, ...args] = sort.lock ?? ["true"];
    await execa(program, args, { cwd: folder });
    await commit(scene, {});
    // What tags there are decides where the recipe takes the version from; the bake is of the commit that has it.
    const tag = async () => (sort.tag === undefined ? "" : await git(scene, "tag", "--force", sort.tag));
    await tag();
    await kilnDone(scene, ["init", "--json"], { cwd: folder });
    await commit(scene, {});
    await tag();
    const env = { KILN_ISOLATION: "sandbox", KILN_STORE: undefined };
    const baked = await kilnDone(scene, ["bake", "--json"], { cwd: folder, env, patience: 200_000 });
    const { artifacts } = JSON.parse(baked.stdout) as { artifacts: { name: string; kind: string; file: string }[] };
    expect(artifacts.map(({ name, kind, file }) => `${name} ${kind} ${file}`).toSorted()).toEqual(sort.makes);
  });
});
