// Well-known projects of different build systems, from the public registries, each baked twice from a recipe of at most twenty
// lines (test/fixtures/projects) through the real command line in the real sandbox, then installed and used by stock clients.

import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { crateSource, goSource, npmSource, sdistSource } from "../fixtures/registry.ts";
import { emptyScene, git, kilnDone, removeScene } from "../fixtures/scene.ts";

const recipes = join(import.meta.dirname, "../fixtures/projects");

interface Baked {
  /** Absolute paths of the artifacts, by the recipe's names. */
  readonly files: Readonly<Record<string, string>>;
  /** An empty folder. */
  readonly place: string;
}

interface Project {
  readonly source: (into: string) => Promise<void>;
  readonly version: string;
  /** Uses what was baked as its users do; what it prints. */
  readonly use: (baked: Baked) => string;
  readonly says: string | RegExp;
}

function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** Installs a .deb with dpkg into a root of its own; returns the root. Dependencies are this machine's. */
function dpkgInstall(file: string, place: string): string {
  for (const folder of ["info", "updates"]) mkdirSync(join(place, "var/lib/dpkg", folder), { recursive: true });
  for (const list of ["status", "available"]) writeFileSync(join(place, "var/lib/dpkg", list), "");
  run("dpkg", `--root=${place}`, "--force-depends", "--log=/dev/null", "--install", file);
  return place;
}

/** Installs a wheel with pip into an environment of its own, beside nothing; what `program` prints there. */
function pipInstall(file: string, place: string, program: string): string {
  run("/usr/bin/python3", "-m", "venv", "--without-pip", place);
  const python = join(place, "bin/python");
  run("/usr/bin/python3", "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", file);
  return run(python, "-c", program);
}

const version = (name: string) => `import importlib.metadata as m; print(m.version("${name}"))`;

const projects: Record<string, Project> = {
  // tsc
  rxjs: {
    source: (into) =>
      npmSource(
        { name: "rxjs@7.8.2", sha256: "2312f8ffd9726ffd7bd53ea12c5f13663d09a3dc3326f448c70b88f5ef6fac82" },
        into,
      ),
    version: "7.8.2",
    use: ({ files, place }) => {
      run("npm", "install", "--silent", "--no-audit", "--prefix", place, files["library"] ?? "");
      const program = `const { range, map, filter } = require("rxjs"); range(1, 9).pipe(filter((x) => x % 4 === 0), map((x) => x * x)).subscribe((x) => console.log(x));`;
      writeFileSync(join(place, "use.cjs"), program);
      return run(process.execPath, join(place, "use.cjs"));
    },
    says: "16\n64\n",
  },
  // go
  age: {
    source: (into) =>
      goSource(
        {
          name: "filippo.io/age@v1.0.0",
          sha256: "0a4011aa1db877ef10315164d37d6114761a6d12c9efcb5222c02836ebae3602",
        },
        into,
      ),
    version: "1.0.0",
    use: ({ files, place }) => {
      const root = dpkgInstall(files["package"] ?? "", place);
      const key = join(place, "key");
      run(join(root, "usr/bin/age-keygen"), "-o", key);
      writeFileSync(join(place, "secret"), "for you alone\n");
      const sealed = join(place, "secret.age");
      run(join(root, "usr/bin/age"), "--encrypt", "--identity", key, "--output", sealed, join(place, "secret"));
      // What one build wrote, the other reads.
      run("tar", "--zstd", "-xf", files["programs"] ?? "", "-C", place);
      return run(join(place, "age"), "--decrypt", "--identity", key, sealed);
    },
    says: "for you alone\n",
  },
  // cargo
  hexyl: {
    source: (into) =>
      crateSource(
        { name: "hexyl@0.8.0", sha256: "3713303deef288951ebfc11ffe0bfa18725a7099cbfed5e231c4a470ce53376a" },
        into,
      ),
    version: "0.8.0",
    use: ({ files, place }) => {
      const root = dpkgInstall(files["package"] ?? "", place);
      writeFileSync(join(place, "bytes"), "Kiln");
      return run(join(root, "usr/bin/hexyl"), "--color=never", "--border=ascii", join(place, "bytes"));
    },
    says: /4b 69 6c 6e .*Kiln/,
  },
  // make
  lz4: {
    source: (into) =>
      crateSource(
        {
          name: "lz4-sys@1.11.1+lz4-1.10.0",
          sha256: "6bd8c0d6c6ed0cd30b3652886bb8711dc4bb01d637a68105a3d5158039b418e6",
        },
        into,
        "liblz4",
      ),
    version: "1.10.0",
    use: ({ files, place }) => {
      const root = dpkgInstall(files["package"] ?? "", place);
      writeFileSync(
        join(place, "use.c"),
        `#include <lz4.h>\n#include <stdio.h>\nint main(void) { puts(LZ4_versionString()); }\n`,
      );
      const [include, library] = [join(root, "usr/include"), join(root, "usr/lib")];
      run(
        "gcc",
        "-I",
        include,
        join(place, "use.c"),
        "-L",
        library,
        "-llz4",
        `-Wl,-rpath,${library}`,
        "-o",
        join(place, "use"),
      );
      return run(join(place, "use")) + run(join(root, "usr/bin/lz4"), "--version");
    },
    says: /^1\.10\.0\n.*lz4 v1\.10\.0/,
  },
  // setuptools
  requests: {
    source: (into) =>
      sdistSource(
        {
          name: "requests==2.32.5",
          sha256: "dbba0bac56e100853db0ea71b82b4dfd5fe2bf6d3754a8893c3af500cec7d7cf",
        },
        into,
      ),
    version: "2.32.5",
    use: ({ files, place }) => pipInstall(files["wheel"] ?? "", place, version("requests")),
    says: "2.32.5\n",
  },
  // flit
  packaging: {
    source: (into) =>
      sdistSource(
        {
          name: "packaging==25.0",
          sha256: "d443872c98d677bf60f6a1f2f8c1cb748e8fe762d2bf9d3148b5599295b0fc4f",
        },
        into,
      ),
    version: "25.0",
    use: ({ files, place }) =>
      pipInstall(
        files["wheel"] ?? "",
        place,
        `import packaging.version as v; print(max(map(v.Version, ["1.9", "1.10", "1.10rc1"])))`,
      ),
    says: "1.10\n",
  },
  // poetry-core
  rich: {
    source: (into) =>
      sdistSource(
        {
          name: "rich==14.1.0",
          sha256: "e497a48b844b0320d45007cdebfeaeed8db2a4f4bcf49f15e455cfc4af11eaa8",
        },
        into,
      ),
    version: "14.1.0",
    use: ({ files, place }) =>
      pipInstall(
        files["wheel"] ?? "",
        place,
        "from rich.text import Text; print(Text.from_markup('[b]baked[/b]').plain)",
      ),
    says: "baked\n",
  },
  // hatchling
  starlette: {
    source: (into) =>
      sdistSource(
        {
          name: "starlette==0.47.3",
          sha256: "6bc94f839cc176c4858894f1f8908f0ab79dfec1a6b8402f6da9be26ebea52e9",
        },
        into,
      ),
    version: "0.47.3",
    use: ({ files, place }) =>
      pipInstall(files["wheel"] ?? "", place, "import starlette.status as s; print(s.HTTP_404_NOT_FOUND)"),
    says: "404\n",
  },
};

test.each(Object.entries(projects))(
  "%s: the same bytes twice from a short recipe, and its users can use it",
  { timeout: 300_000 },
  async (name, project) => {
    expect(
      readFileSync(join(recipes, name, "kiln.yaml"), "utf8")
        .trimEnd()
        .split("\n").length,
    ).toBeLessThanOrEqual(20);
    const scene = emptyScene();
    try {
      await git(scene, "init", "--quiet", "--initial-branch", "main");
      await project.source(scene.project);
      cpSync(join(recipes, name), scene.project, { recursive: true });
      // What a project ignores, its own packages may hold all the same.
      await git(scene, "add", "--all", "--force");
      await git(scene, "commit", "--quiet", "--message", name);
      const out = join(scene.root, "out");
      const { stdout } = await kilnDone(scene, ["bake", "--twice", "--out", out, "--json"], {
        env: { KILN_ISOLATION: "sandbox", KILN_STORE: undefined },
        patience: 280_000,
      });
      const made = JSON.parse(stdout) as { version: string; artifacts: { name: string; file: string }[] };
      expect(made.version).toBe(project.version);
      const files = Object.fromEntries(made.artifacts.map((artifact) => [artifact.name, join(out, artifact.file)]));
      const place = mkdtempSync(join(scene.root, "user-"));
      expect(project.use({ files, place })).toMatch(project.says);
      rmSync(place, { recursive: true });
    } finally {
      await removeScene(scene);
    }
  },
);
