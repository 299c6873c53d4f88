// package.json: npm, pnpm or yarn by the lock file; its scripts are the steps.

import { z } from "zod";

import type { Finding, Line, ProposedArtifact } from "./finding.ts";
import type { Folder } from "./folder.ts";

const names = z.record(z.string(), z.unknown()).catch({});
const manifestSchema = z.looseObject({
  name: z.string().optional().catch(undefined),
  version: z.string().optional().catch(undefined),
  private: z.boolean().optional().catch(undefined),
  packageManager: z.string().optional().catch(undefined),
  scripts: z.record(z.string(), z.string()).catch({}).default({}),
  dependencies: names.default({}),
  devDependencies: names.default({}),
  workspaces: z.unknown().optional(),
});

type Manifest = z.output<typeof manifestSchema>;

export function lookAtNode(folder: Folder): Finding | undefined {
  const parsed = manifestSchema.safeParse(folder.data("package.json"));
  if (!parsed.success) return undefined;
  const manifest = parsed.data;
  const tool = toolOf(manifest, folder);
  const isMonorepo = manifest.workspaces !== undefined || folder.has("pnpm-workspace.yaml");
  const { scripts } = manifest;
  const needsNothing =
    Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }).length === 0 && !isMonorepo;
  const build = buildLine(manifest, tool, isMonorepo);
  const isTested = scripts["test"] !== undefined && !scripts["test"].includes("no test specified");
  const used = ["build", "test", "start"].filter((name) => name in scripts);
  return {
    file: "package.json",
    saw: `${tool.saw}${used.length === 0 ? "" : `; scripts ${used.join(", ")}`}${isMonorepo ? "; workspaces" : ""}`,
    name: manifest.name?.replace(/^@[^/]*\//, ""),
    version:
      manifest.version === undefined || /^0\.0\.0(?:-|$)/.test(manifest.version)
        ? undefined
        : { yaml: "{ from: manifest, file: FOLDER/package.json }", now: manifest.version },
    fetch: needsNothing ? [] : [tool.install],
    build: build === undefined ? [] : [build],
    checks: isTested ? [{ name: "test", run: `${tool.run} test` }] : [],
    artifacts: artifactsOf(manifest, folder, { isMonorepo, builds: build !== undefined }),
    notes: manifest.private === true && scripts["start"] !== undefined ? [activation(tool.start)] : [],
  };
}

interface Tool {
  readonly saw: string;
  readonly install: Line;
  /** Runs a script of the package.json, as in `npm run`. */
  readonly run: string;
  readonly everywhere: string;
  /** As a host runs it. */
  readonly start: string;
}

const ignored = "No script of a dependency runs; without --ignore-scripts all do.";

function toolOf({ packageManager = "" }: Manifest, folder: Folder): Tool {
  // The lock file of a workspace lies at the top of the monorepo.
  const find = (file: string) => [file, `${"../".repeat(folder.prefix.split("/").length - 1)}${file}`].find(folder.has);
  const npm = { run: "npm run", everywhere: "npm run build --workspaces --if-present", start: "npm, start" };
  const wanted = /^(\w+)@([0-9][^+]*)/.exec(packageManager);
  if (find("pnpm-lock.yaml") !== undefined) {
    const lock = folder.text(find("pnpm-lock.yaml") ?? "")?.slice(0, 200) ?? "";
    const pnpm = `npx --yes pnpm@${wanted?.[1] === "pnpm" ? wanted[2] : /lockfileVersion: '?[6-8]/.test(lock) ? "8" : "9"}`;
    const install = { run: `${pnpm} install --frozen-lockfile --ignore-scripts`, note: ignored };
    return { ...npm, saw: "pnpm-lock.yaml", install, run: `${pnpm} run`, everywhere: `${pnpm} --recursive run build` };
  }
  const yarnLock = find("yarn.lock");
  if (yarnLock !== undefined) return yarn(folder, yarnLock, wanted?.[1] === "yarn" ? wanted[2] : undefined);
  const lock = ["npm-shrinkwrap.json", "package-lock.json"].find((file) => find(file) !== undefined);
  if (lock !== undefined) {
    return {
      ...npm,
      saw: lock,
      install: { run: "npm ci --ignore-scripts", note: `Pinned by the lock file. ${ignored}` },
    };
  }
  const note =
    "There is no lock file, so tomorrow this may fetch something else: npm install --package-lock-only, commit it, and say npm ci here.";
  return { ...npm, saw: "no lock file", install: { run: "npm install --ignore-scripts --no-package-lock", note } };
}

function yarn(folder: Folder, lock: string, version: string | undefined): Tool {
  const release = folder.files.find((file) => /^\.yarn\/releases\/yarn-[^/]*\.c?js$/.test(file));
  const isBerry = folder.text(lock)?.includes("__metadata:") ?? false;
  const program =
    release === undefined
      ? isBerry
        ? `npx --yes --package @yarnpkg/cli-dist@${version ?? "4"} yarn`
        : `npx --yes yarn@${version ?? "1.22.22"}`
      : `node ${release}`;
  const install = isBerry
    ? { run: `${program} install --immutable --mode=skip-build`, note: "No script of a dependency runs." }
    : { run: `${program} install --frozen-lockfile --ignore-scripts`, note: ignored };
  return {
    saw: "yarn.lock",
    install,
    run: `${program} run`,
    everywhere: isBerry
      ? `${program} workspaces foreach --all --topological run build`
      : "npm run build --workspaces --if-present",
    start: "npm, start",
  };
}

const builders =
  /\b(?:tsc|rollup|vite|tsup|tsdown|webpack|esbuild|swc|babel|microbundle|unbuild|parcel|build|compile)\b/;

function buildLine({ scripts }: Manifest, tool: Tool, isMonorepo: boolean): Line | undefined {
  if (scripts["build"] !== undefined) return { run: `${tool.run} build` };
  if (isMonorepo) return { run: tool.everywhere, note: "In every workspace that has such a script." };
  const hook = ["prepare", "prepack", "prepublishOnly"].find((name) => builders.test(scripts[name] ?? ""));
  // npm pack would run it, outside of any sandbox: Kiln lets no script of the package run when it packs.
  return hook === undefined ? undefined : { run: `${tool.run} ${hook}` };
}

interface Build {
  readonly isMonorepo: boolean;
  readonly builds: boolean;
}

function artifactsOf(manifest: Manifest, folder: Folder, { isMonorepo, builds }: Build): ProposedArtifact[] {
  if (isMonorepo && hasPublicWorkspace(folder)) {
    const note =
      "One package for each workspace that isn't private; what they need of one another gets the release's version.";
    return [{ name: "packages", spec: { kind: "npm", from: ".", workspaces: true }, note }];
  }
  if (manifest.private !== true) return [{ name: "package", spec: { kind: "npm", from: "." } }];
  const output = builds ? outputFolder(folder, manifest) : undefined;
  const note =
    output === undefined
      ? "All that is there after the build, with what development needs: better name a folder that holds only what runs."
      : undefined;
  return [{ name: "app", spec: { kind: "archive", from: output ?? "." }, ...(note === undefined ? {} : { note }) }];
}

function hasPublicWorkspace(folder: Folder): boolean {
  const manifests = folder.files.filter((file) => file.endsWith("/package.json") && !file.includes("node_modules/"));
  return manifests.some((file) => {
    const parsed = manifestSchema.safeParse(folder.data(file));
    return parsed.success && parsed.data.name !== undefined && parsed.data.private !== true;
  });
}

const compilerSchema = z.object({ compilerOptions: z.object({ outDir: z.string() }) });

/** Where a build leaves what a server without Node could serve, or a compiler's output; only where that is known. */
function outputFolder(folder: Folder, { scripts, dependencies }: Manifest): string | undefined {
  const build = scripts["build"] ?? "";
  // A server needs what it depends on, too.
  if (scripts["start"] !== undefined && Object.keys(dependencies).length > 0 && !/\bvite\b|react-scripts/.test(build)) {
    return undefined;
  }
  if (/\bvite build\b|\bng build\b|\bparcel build\b/.test(build)) return "dist";
  if (/\breact-scripts build\b/.test(build)) return "build";
  const compiler = /\btsc\b/.test(build) ? compilerSchema.safeParse(folder.data("tsconfig.json")) : undefined;
  return compiler?.success === true ? compiler.data.compilerOptions.outDir.replace(/^\.\//, "") : undefined;
}

function activation(start: string): string {
  return [
    "To put it into service with kiln deploy:",
    "activate:",
    `  app: { with: directory, start: [${start}], probe: { http: "http://127.0.0.1:\${PORT}/", within: 30s } }`,
  ].join("\n");
}
