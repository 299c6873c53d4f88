// Each kind against its own stock tool, run by hand on the same tree: a whole `kiln bake` (checkout, sandbox, packing, SBOM,
// provenance, digests) may take 0.15 of the tool's time and 0.3 s more.

import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

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
  const recipe = `kiln: 1\nname: bench\nversion: { from: static, value: "1.0.0" }\nartifacts: { bench: { ${entry} } }\n`;
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
