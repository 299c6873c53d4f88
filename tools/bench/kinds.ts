// Each kind against its own stock tool, run by hand on the same tree: a whole `kiln bake` (checkout, sandbox, packing, SBOM,
// provenance, digests) may take 0.15 of the tool's time and 0.3 s more.

import { execFile } from "node:child_process";
import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import { writeTree } from "./bytes.ts";
import { absolute, alternate, type Run, timeProcess } from "./measure.ts";
import { commitProject, forgetBakes } from "./project.ts";
import type { Bench, Line, Row } from "./row.ts";

interface Peer {
  readonly kind: string;
  /** Its entry in the recipe, in braces, without the kind. */
  readonly entry: string;
  /** Beside the tree `data`. */
  readonly files: Readonly<Record<string, string>>;
  /** What gets its tools: a bake of it is measured with the step, the tool by hand has them already. */
  readonly fetch?: string;
  readonly tool: string;
  /** Makes what the tool wants of the project in the folder `made`, and returns how it is run. Not timed. */
  readonly prepare: (project: string, made: string) => Promise<readonly [program: string, ...args: string[]]>;
}

const peers: readonly Peer[] = [
  {
    kind: "npm",
    entry: "",
    files: { "package.json": `{ "name": "bench", "version": "1.0.0" }\n` },
    tool: "npm pack",
    prepare: async (project, made) => ["npm", "pack", "--ignore-scripts", "--pack-destination", made, project],
  },
  {
    kind: "deb",
    entry: "package: bench, files: { /usr/share/bench: data }",
    files: {},
    tool: "dpkg-deb",
    async prepare(project, made) {
      const root = join(made, "root");
      await cp(join(project, "data"), join(root, "usr/share/bench"), { recursive: true });
      await mkdir(join(root, "DEBIAN"));
      const control = "Package: bench\nVersion: 1.0.0\nArchitecture: all\nMaintainer: Bench <bench@example.com>\n";
      await writeFile(join(root, "DEBIAN/control"), `${control}Description: bench\n`);
      return ["dpkg-deb", "--root-owner-group", "-Zxz", "--build", root, join(made, "bench.deb")];
    },
  },
  {
    kind: "rpm",
    entry: "package: bench, license: MIT, files: { /usr/share/bench: data }",
    files: {},
    tool: "rpmbuild",
    async prepare(project, made) {
      const lines = [
        ...["Name: bench", "Version: 1.0.0", "Release: 1", "Summary: bench", "License: MIT", "BuildArch: noarch"],
        ...["%description", "bench", "%install", "mkdir -p %{buildroot}/usr/share"],
        ...[`cp -a ${project}/data %{buildroot}/usr/share/bench`, "%files", "/usr/share/bench"],
      ];
      await writeFile(join(made, "bench.spec"), `${lines.join("\n")}\n`);
      const defines = [`_topdir ${made}`, "_binary_payload w9.zstdio", "__os_install_post %{nil}"];
      return ["rpmbuild", "-bb", "--quiet", ...defines.flatMap((one) => ["--define", one]), join(made, "bench.spec")];
    },
  },
  {
    kind: "wheel",
    entry: "",
    files: {
      "pyproject.toml": `[build-system]
requires = ["flit-core==4.2.0"]
build-backend = "flit_core.buildapi"
[project]
name = "data"
version = "1.0.0"
description = "bench"
`,
      "data/__init__.py": "",
      "build-requirements.txt":
        "flit-core==4.2.0 --hash=sha256:2bee22dc8ba89c2e35b4e1ad575e596aac945c85672dd8f3cad21b629036e044\n",
    },
    fetch: "python3 -m pip download --quiet --require-hashes -r build-requirements.txt -d wheelhouse",
    tool: "python3 -m build",
    async prepare(project, made) {
      const wheels = join(made, "wheels");
      const offline = ["PIP_NO_INDEX=1", `PIP_FIND_LINKS=${wheels}`, "PIP_DISABLE_PIP_VERSION_CHECK=1"];
      const requirements = join(project, "build-requirements.txt");
      await promisify(execFile)("/usr/bin/python3", ["-m", "pip", "download", "-q", "-r", requirements, "-d", wheels]);
      const build = ["/usr/bin/python3", "-m", "build", "--wheel", "--outdir", made, project];
      return ["env", ...offline, ...build];
    },
  },
];

export const byKind: Row = {
  name: "kinds",
  async run(bench) {
    const lines: Line[] = [];
    for (const peer of peers) lines.push(await measure(bench, peer));
    return lines;
  },
};

async function measure({ folder, program }: Bench, peer: Peer): Promise<Line> {
  const project = join(folder, peer.kind);
  const made = join(folder, `${peer.kind}-by-hand`);
  await mkdir(project);
  await mkdir(made);
  await writeTree(join(project, "data"), { files: 1000, bytes: 20e6, content: "text" });
  const entry = [`kind: ${peer.kind}`, peer.entry].filter(Boolean).join(", ");
  const fetch = peer.fetch === undefined ? "" : `fetch: [${JSON.stringify(peer.fetch)}]\n`;
  const recipe = `kiln: 1\nname: bench\nversion: { from: static, value: "1.0.0" }\n${fetch}artifacts: { bench: { ${entry} } }\n`;
  await commitProject(project, program, { ...peer.files, "kiln.yaml": recipe });
  const byHand: Run = { argv: await peer.prepare(project, made), env: program.env, cwd: made };
  const kiln = program.kiln(["bake"], { cwd: project, before: () => forgetBakes(project) });
  await timeProcess(program.kiln(["bake"], { cwd: project }));
  const pairs = await alternate({ kiln, peer: byHand, times: 5 });
  await rm(project, { recursive: true });
  await rm(made, { recursive: true });
  return {
    what: `a bake of kind ${peer.kind}, 20 MB in 1,000 files, beyond 1.15 × \`${peer.tool}\` by hand`,
    bar: { sense: "≤", limit: 300, unit: "ms" },
    values: pairs.map((pair) => pair.kiln - 1.15 * pair.peer),
    detail: absolute(pairs, peer.tool),
  };
}
