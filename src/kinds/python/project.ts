// What a Python project says about how it is built (PEP 517, PEP 518), and its files with the release's version in them.
// A version that stands in pyproject.toml or setup.cfg as text is replaced; one that a tool asks version control for is given
// to that tool; any other is the project's own affair, and is checked when the backend has built it.

import { lstatSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { parse as parseToml, stringify, TomlError } from "smol-toml";
import { z } from "zod";

import { KilnError } from "../../errors.ts";
import { builtPath, type PackJob } from "../kind.ts";

export interface Project {
  /** `module:object` that has the hooks. */
  readonly backend: string;
  /** Folders below the project that the backend itself is imported from. */
  readonly backendPath: readonly string[];
  /** What the backend needs, as PEP 508 writes it. */
  readonly requires: readonly string[];
  /** Path from the top of the source → text that stands there while the project is built. */
  readonly stamped: Readonly<Record<string, string>>;
  /** True when the backend asks version control which files are the project's. */
  readonly history: boolean;
}

/** The rule for projects that don't say: PEP 517, and setup.py alone. */
const legacy = { requires: ["setuptools"], "build-backend": "setuptools.build_meta:__legacy__" };

const text = z.string();
const pyprojectSchema = z.looseObject({
  "build-system": z
    .looseObject({
      requires: z.array(text),
      "build-backend": text.regex(/^[\w.]+(?::[\w.]+)?$/, "module:object").optional(),
      "backend-path": z
        .array(text.refine((path) => !path.startsWith("/") && !path.split("/").includes(".."), "a folder inside"))
        .optional(),
    })
    .optional(),
  project: z.looseObject({ version: text.optional() }).optional(),
  tool: z.looseObject({ poetry: z.looseObject({ version: text.optional() }).optional() }).optional(),
});

/** Reads the project in the folder `from`; `version` is the release's, as Python writes it. Throws ARTIFACT_INVALID. */
export function readProject(job: PackJob, from: string, version: string): Project {
  const path = join(from, "pyproject.toml");
  const toml = readIfThere(job, path);
  if (toml === undefined && readIfThere(job, join(from, "setup.py")) === undefined) {
    throw new KilnError("ARTIFACT_INVALID", `${job.artifact}: got no ${path}, want a Python project`, {
      hint: "name the folder that has the pyproject.toml: `from`",
    });
  }
  const pyproject = pyprojectSchema.safeParse(parse(toml ?? "", `${job.artifact}: ${path}`));
  if (!pyproject.success) {
    throw new KilnError("ARTIFACT_INVALID", `${job.artifact}: ${path}: ${z.prettifyError(pyproject.error)}`);
  }
  const system = pyproject.data["build-system"] ?? legacy;
  const { project, tool } = pyproject.data;
  const inToml =
    project?.version !== undefined ? "project" : tool?.poetry?.version !== undefined ? "tool.poetry" : undefined;
  const cfgPath = join(from, "setup.cfg");
  const cfg = inToml === undefined ? readIfThere(job, cfgPath) : undefined;
  return {
    backend: system["build-backend"] ?? legacy["build-backend"],
    backendPath: ("backend-path" in system ? system["backend-path"] : undefined) ?? [],
    requires: system.requires,
    stamped: {
      ...(inToml === undefined
        ? {}
        : { [path]: stampToml(toml ?? "", { table: inToml, version, where: `${job.artifact}: ${path}` }) }),
      ...(cfg === undefined ? {} : { [cfgPath]: stampCfg(cfg, version) }),
    },
    history: system.requires.some((requirement) => /^(?:setuptools|hatch)[-_.](?:scm|vcs|git)\b/i.test(requirement)),
  };
}

/** What tools that ask version control for the version read instead: there is no history in a bake's checkout. */
export function versionVariables(version: string): Record<string, string> {
  const names = ["SETUPTOOLS_SCM_PRETEND_VERSION", "PDM_BUILD_SCM_VERSION", "POETRY_DYNAMIC_VERSIONING_BYPASS"];
  return Object.fromEntries([...names, "UV_DYNAMIC_VERSIONING_BYPASS", "PBR_VERSION"].map((name) => [name, version]));
}

function readIfThere({ artifact, source }: PackJob, path: string): string | undefined {
  const stats = lstatSync(join(source, path), { throwIfNoEntry: false });
  return stats === undefined ? undefined : readFileSync(builtPath({ artifact, source }, path), "utf8");
}

function parse(toml: string, where: string): unknown {
  try {
    return parseToml(toml);
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause;
    const [said = ""] = cause.message.split("\n");
    throw new KilnError("ARTIFACT_INVALID", `${where}:${cause.line}: got text that isn't TOML (${said})`, { cause });
  }
}

interface Stamp {
  /** Dotted name of the table that has the version. */
  readonly table: "project" | "tool.poetry";
  readonly version: string;
  readonly where: string;
}

/** Everything but the version stays as it was written, and that is checked. */
function stampToml(toml: string, { table, version, where }: Stamp): string {
  const header = new RegExp(`^[ \\t]*\\[[ \\t]*${table.replace(".", "[ \\t]*\\.[ \\t]*")}[ \\t]*\\][^\\n]*$`, "m").exec(
    toml,
  );
  const start = header === null ? 0 : header.index + header[0].length;
  const next = /^\[/m.exec(toml.slice(start));
  const end = next === null ? toml.length : start + next.index;
  const section = toml
    .slice(start, end)
    .replace(/^([ \t]*version[ \t]*=[ \t]*)(?:"[^"\n]*"|'[^'\n]*')/m, (_, key: string) => `${key}"${version}"`);
  const stamped = toml.slice(0, start) + section + toml.slice(end);
  if (stringify(parse(stamped, where)) === stringify(withVersion(parse(toml, where), table, version))) return stamped;
  throw new KilnError("ARTIFACT_INVALID", `${where}: got the version written in a way that can't be replaced`, {
    hint: `write it on a line of its own: [${table}], then version = "…"`,
  });
}

type Table = Record<string, unknown>;

function withVersion(toml: unknown, table: Stamp["table"], version: string): Table {
  const document = structuredClone(toml) as Table;
  const inner = table.split(".").reduce((at, name) => at[name] as Table, document);
  inner["version"] = version;
  return document;
}

/** `version = attr: …` and `file: …` name another place. */
function stampCfg(cfg: string, version: string): string {
  return cfg.replace(
    /^(\[metadata\][^\n]*\n(?:(?!\[).*\n)*?version[ \t]*[=:][ \t]*)(?!attr:|file:|\$)[^\s#;]+/m,
    (_, before: string) => before + version,
  );
}
