// A version from the manifest that a language's own tools read, in Kiln's writing: `1.2.0rc1` in a pyproject.toml is 1.2.0-rc.1.
// Nothing of the project is run: what a tool would compute is said to be so.

import { posix } from "node:path";

import { parse as parseToml, TomlError } from "smol-toml";
import { z } from "zod";

import { readDebian, readPython } from "../artifact/version.ts";
import { KilnError } from "../errors.ts";
import { readText } from "./source-text.ts";
import { parseYaml } from "./yaml.ts";

type Read = (path: string) => Promise<Uint8Array | undefined>;

type ReadManifest = (path: string, text: string, read: Read) => Promise<string | undefined> | string | undefined;

/** What stands in the file, as Kiln writes it; undefined when there is no version. */
const formats: Readonly<Record<string, ReadManifest>> = {
  "package.json": (path, text) => textIn(parsed(path, text, JSON.parse), "version"),
  "pyproject.toml": (path, text) => pyproject(path, parsed(path, text, parseToml)),
  "Cargo.toml": cargo,
  "setup.cfg": setupCfg,
  "Chart.yaml": (path, text) => textIn(yamlOf(path, text), "version"),
  "debian/changelog": changelog,
};

export const manifestFiles = Object.keys(formats);

/** Those that are at the top for their own sake: a changelog of a package, or a file of settings, may be beside another. */
const mainFiles = ["package.json", "pyproject.toml", "Cargo.toml", "Chart.yaml"];

/** The version in `file`, or in the only one of them at the top of the repository. Throws VERSION_UNRESOLVED. */
export async function manifestVersion(file: string | undefined, read: Read): Promise<string> {
  const path = file ?? (await onlyManifest(read));
  const name = manifestFiles.find((one) => `/${path}`.endsWith(`/${one}`)) ?? "";
  const version = await formats[name]?.(path, await readText(path, read), read);
  // npm and Helm read v1.2.3 as 1.2.3.
  if (version !== undefined) return version.replace(/^v(?=\d)/, "");
  throw unresolved(`${path}: got no version that stands there as text, want one`, fromElsewhere);
}

const fromElsewhere =
  "if a tool fills it in, take the version from where that tool does: version: { from: tag }, or { from: file, path: …, regex: … }";

async function onlyManifest(read: Read): Promise<string> {
  const isThere = async (path: string) => ((await read(path)) === undefined ? [] : [path]);
  const main = (await Promise.all(mainFiles.map(isThere))).flat();
  const found = main.length > 0 ? main : (await Promise.all(manifestFiles.map(isThere))).flat();
  if (found.length === 1 && found[0] !== undefined) return found[0];
  const got = found.length === 0 ? "none of them at the top of the repository" : found.join(" and ");
  throw unresolved(
    `version from manifest: got ${got}, want one of ${manifestFiles.join(", ")}`,
    "name the file: version: { from: manifest, file: … }",
  );
}

const pyprojectSchema = z.object({
  project: z.object({ version: z.string().optional(), dynamic: z.array(z.string()).optional() }).optional(),
  tool: z
    .object({ poetry: z.object({ version: z.string() }).optional().catch(undefined) })
    .optional()
    .catch(undefined),
});

function pyproject(path: string, content: unknown): string | undefined {
  const found = pyprojectSchema.safeParse(content).data;
  const text = found?.project?.version ?? found?.tool?.poetry?.version;
  if (text !== undefined) return python(path, text);
  if (found?.project?.dynamic?.includes("version") !== true) return undefined;
  throw unresolved(
    `${path}: got a version that is dynamic, which its build backend computes, want one that stands there`,
    fromElsewhere,
  );
}

const cargoSchema = z.object({
  package: z
    .object({ version: z.union([z.string(), z.object({ workspace: z.literal(true) })]) })
    .optional()
    .catch(undefined),
  workspace: z
    .object({ package: z.object({ version: z.string() }).optional().catch(undefined) })
    .optional()
    .catch(undefined),
});

/** A package that has its workspace's version finds it in a folder above. */
async function cargo(path: string, text: string, read: Read): Promise<string | undefined> {
  const found = cargoSchema.safeParse(parsed(path, text, parseToml)).data;
  const own = found?.package?.version;
  if (typeof own === "string") return own;
  const shared = found?.workspace?.package?.version;
  if (shared !== undefined || own === undefined) return shared;
  for (let folder = posix.dirname(path); folder !== ".";) {
    folder = posix.dirname(folder);
    const above = posix.join(folder, "Cargo.toml");
    if ((await read(above)) === undefined) continue;
    const content = parsed(above, await readText(above, read), parseToml);
    const version = cargoSchema.safeParse(content).data?.workspace?.package?.version;
    if (version !== undefined) return version;
  }
  throw unresolved(`${path}: got version.workspace = true, and no [workspace.package] above that has one`);
}

/** As configparser reads it, as far as a version goes: `version = 1.2`, or `file: VERSION`. */
async function setupCfg(path: string, text: string, read: Read): Promise<string | undefined> {
  const metadata = /^\[metadata\][^\S\n]*\n((?:(?!\[).*(?:\n|$))*)/m.exec(text.replaceAll("\r\n", "\n"))?.[1];
  const value = /^version[^\S\n]*[=:][^\S\n]*(\S.*)$/m.exec(metadata ?? "")?.[1]?.trim();
  if (value === undefined) return undefined;
  if (/^attr[^\S\n]*:/.test(value)) {
    throw unresolved(
      `${path}: got version = ${value}, which Python computes, want one that stands there`,
      fromElsewhere,
    );
  }
  const [, file] = /^file[^\S\n]*:[^\S\n]*(.*)$/.exec(value) ?? [];
  if (file === undefined) return python(path, value);
  const named = posix.join(posix.dirname(path), file);
  return python(named, (await readText(named, read)).trim());
}

/** The newest entry is the first line. */
function changelog(path: string, text: string): string | undefined {
  const [, version] = /^\s*[a-z0-9][a-z0-9+.-]* \(([^()\s]+)\) [^;]+;/i.exec(text) ?? [];
  if (version === undefined) return undefined;
  const read = readDebian(version);
  if (read !== undefined) return read;
  throw unresolved(
    `${path}: got ${version}, want numbers, a pre-release after ~ and a revision that is a number, as in 1.2.0~rc1-1`,
    "take the part that counts: version: { from: file, path: debian/changelog, regex: … }",
  );
}

function python(path: string, text: string): string {
  const version = readPython(text);
  if (version !== undefined) return version;
  throw unresolved(`${path}: got ${JSON.stringify(text.slice(0, 60))}, want a version by PEP 440, as in 1.2.0rc1`);
}

function textIn(content: unknown, key: string): string | undefined {
  return z.object({ [key]: z.string() }).safeParse(content).data?.[key];
}

function yamlOf(path: string, text: string): unknown {
  const yaml = parseYaml(text);
  if ("faults" in yaml) throw unresolved(`${path}:${yaml.faults[0]?.line ?? 1}: ${yaml.faults[0]?.message ?? ""}`);
  return yaml.value;
}

function parsed(path: string, content: string, parse: (text: string) => unknown): unknown {
  try {
    return parse(content);
  } catch (cause) {
    if (!(cause instanceof SyntaxError) && !(cause instanceof TomlError)) throw cause;
    const [said = ""] = cause.message.split("\n");
    throw unresolved(`${path}: got text that can't be parsed (${said})`, undefined, cause);
  }
}

function unresolved(message: string, hint?: string, cause?: unknown): KilnError {
  return new KilnError("VERSION_UNRESOLVED", message, { ...(hint === undefined ? {} : { hint }), cause });
}
