// A version from the manifest that a language's own tools read.

import { parse as parseToml, TomlError } from "smol-toml";
import { z } from "zod";

import { KilnError } from "../errors.ts";
import { readText } from "./source-text.ts";

type Read = (path: string) => Promise<Uint8Array | undefined>;

export const manifestFiles = ["package.json", "pyproject.toml", "Cargo.toml"] as const;

/** The version in `file`, or in the only one of them at the top of the repository. Throws VERSION_UNRESOLVED. */
export async function manifestVersion(file: string | undefined, read: Read): Promise<string> {
  const path = file ?? (await onlyManifest(read));
  const content = parse(path, await readText(path, read));
  for (const place of places) {
    if (!`/${path}`.endsWith(`/${place.file}`)) continue;
    const found = place.version.safeParse(content);
    if (found.success) return found.data;
  }
  throw new KilnError("VERSION_UNRESOLVED", `${path}: got no version that stands there as text, want one`, {
    hint: "if a tool fills it in, take the version from a tag instead: version: { from: tag }",
  });
}

const text = z.string();

/** Where each has it, the usual place first. */
const places = [
  { file: "package.json", version: z.object({ version: text }).transform((it) => it.version) },
  {
    file: "pyproject.toml",
    version: z.object({ project: z.object({ version: text }) }).transform((it) => it.project.version),
  },
  {
    file: "pyproject.toml",
    version: z
      .object({ tool: z.object({ poetry: z.object({ version: text }) }) })
      .transform((it) => it.tool.poetry.version),
  },
  {
    file: "Cargo.toml",
    version: z.object({ package: z.object({ version: text }) }).transform((it) => it.package.version),
  },
  {
    file: "Cargo.toml",
    version: z
      .object({ workspace: z.object({ package: z.object({ version: text }) }) })
      .transform((it) => it.workspace.package.version),
  },
] as const;

async function onlyManifest(read: Read): Promise<string> {
  const found: string[] = [];
  for (const path of manifestFiles) if ((await read(path)) !== undefined) found.push(path);
  if (found.length === 1 && found[0] !== undefined) return found[0];
  const got = found.length === 0 ? "none of them at the top of the repository" : found.join(" and ");
  throw new KilnError(
    "VERSION_UNRESOLVED",
    `version from manifest: got ${got}, want one of ${manifestFiles.join(", ")}`,
    {
      hint: "name the file: version: { from: manifest, file: … }",
    },
  );
}

function parse(path: string, content: string): unknown {
  try {
    return path.endsWith(".json") ? JSON.parse(content) : parseToml(content);
  } catch (cause) {
    if (!(cause instanceof SyntaxError) && !(cause instanceof TomlError)) throw cause;
    const [said = ""] = cause.message.split("\n");
    throw new KilnError("VERSION_UNRESOLVED", `${path}: got text that can't be parsed (${said})`, { cause });
  }
}
