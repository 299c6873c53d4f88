// Cargo.toml: the programs of a package or a workspace as an archive, or, of a library, its .crate.

import { posix } from "node:path";

import { z } from "zod";

import { type Finding, shellWord } from "./finding.ts";
import type { Folder } from "./folder.ts";

const manifestSchema = z.looseObject({
  package: z
    .looseObject({ name: z.string(), version: z.unknown().optional(), description: z.unknown().optional() })
    .optional(),
  workspace: z
    .looseObject({ package: z.looseObject({ version: z.string().optional().catch(undefined) }).optional() })
    .optional(),
  bin: z
    .array(z.looseObject({ name: z.string() }))
    .optional()
    .catch(undefined),
});

// Panics name source files: without this the folder of the build is in the program.
const flags = 'RUSTFLAGS="--remap-path-prefix=$PWD= --remap-path-prefix=$HOME="';

export function lookAtRust(folder: Folder): Finding | undefined {
  const parsed = manifestSchema.safeParse(folder.data("Cargo.toml"));
  if (!parsed.success) return undefined;
  const programs = folder.files
    .filter((file) => posix.basename(file) === "Cargo.toml")
    .flatMap((file) => programsOf(file, folder));
  const hasLock = folder.has("Cargo.lock");
  const { package: own, workspace } = parsed.data;
  const version = typeof own?.version === "string" ? own.version : workspace?.package?.version;
  const built = [...new Set(programs)].map((name) => shellWord(`target/release/${name}`));
  const build =
    built.length > 0
      ? [
          {
            run: `${flags} cargo build --release --offline`,
            note: "Without the folders of this very build, which panics would name.",
          },
          { run: `mkdir bin && cp ${built.join(" ")} bin/` },
        ]
      : [
          {
            run: "cargo package --offline --no-verify --allow-dirty && mkdir crate && cp target/package/*.crate crate/",
          },
        ];
  return {
    file: "Cargo.toml",
    saw: `${programs.length === 0 ? "a library" : `programs ${[...new Set(programs)].join(", ")}`}${hasLock ? "; Cargo.lock" : "; no Cargo.lock"}`,
    name: own?.name,
    version: version === undefined ? undefined : { yaml: "{ from: manifest, file: FOLDER/Cargo.toml }", now: version },
    fetch: [
      hasLock
        ? { run: "cargo fetch --locked" }
        : {
            run: "cargo fetch",
            note: "There is no Cargo.lock, so tomorrow this may fetch something else: commit one, and say cargo fetch --locked.",
          },
    ],
    build,
    checks: [{ name: "test", run: `${flags} cargo test --release --offline` }],
    artifacts: [
      built.length > 0
        ? { name: "programs", spec: { kind: "archive", from: "bin" } }
        : { name: "crate", spec: { kind: "archive", from: "crate" }, note: "As cargo publish would upload it." },
    ],
    notes: [
      ...(built.length > 0 ? [packageNote(own?.description)] : []),
      ...(folder.hasProgram("cargo")
        ? []
        : ["Steps see programs below /usr alone, and there is no cargo: apt-get install cargo"]),
    ],
  };
}

function programsOf(file: string, folder: Folder): string[] {
  const parsed = manifestSchema.safeParse(folder.data(file));
  if (!parsed.success || parsed.data.package === undefined) return [];
  const at = posix.dirname(file);
  const named = (parsed.data.bin ?? []).map(({ name }) => name).filter(isCargoName);
  const main = folder.has(posix.join(at, "src/main.rs")) && named.length === 0 ? [parsed.data.package.name] : [];
  const prefix = posix.join(at, "src/bin/");
  const others = folder.files.flatMap((path) => {
    const found = path.startsWith(prefix) ? /^([^/]+)(?:\.rs|\/main\.rs)$/.exec(path.slice(prefix.length)) : null;
    return found?.[1] === undefined ? [] : [found[1]];
  });
  return [...named, ...main, ...others.filter((name) => !named.includes(name))].filter(isCargoName);
}

/** What cargo takes for a name; it refuses others, and so a bake of theirs would fail there. */
function isCargoName(name: string): boolean {
  return /^[\w-]+$/.test(name);
}

function packageNote(description: unknown): string {
  const synopsis =
    typeof description === "string" ? `, description: ${JSON.stringify(description.split("\n")[0])}` : "";
  return `As a Debian package, too, below artifacts:\n  package: { kind: deb${synopsis}, files: { /usr/bin: bin } }`;
}
