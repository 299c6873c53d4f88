// .helmignore, read as Helm reads it: each line is a pattern, of a name, or of a path where it has a slash; a slash at its end
// means folders alone; and after `!` everything that does *not* match is ignored, which isn't what git does.
// Spec: Helm's internal/ignore, Go's path/filepath.Match.

import { KilnError } from "../../errors.ts";

interface Rule {
  readonly matches: (path: string) => boolean;
  readonly isNegated: boolean;
  readonly foldersOnly: boolean;
}

export type Ignores = (entry: { readonly path: string; readonly type: string }) => boolean;

/** `where` is for messages. Throws ARTIFACT_INVALID. */
export function parseIgnore(text: string, where: string): Ignores {
  const rules = ["templates/.?*", ...text.replaceAll("\r\n", "\n").split("\n")].flatMap((line) =>
    parseRule(line, where),
  );
  const isIgnored: Ignores = ({ path, type }) =>
    rules.some(({ matches, isNegated, foldersOnly }) =>
      isNegated
        ? (foldersOnly && type !== "folder") || !matches(path)
        : !(foldersOnly && type !== "folder") && matches(path),
    );
  // What is in a folder that is ignored isn't looked at.
  return (entry) => {
    const segments = entry.path.split("/");
    const above = segments.slice(1).map((_, at) => segments.slice(0, at + 1).join("/"));
    return above.some((path) => isIgnored({ path, type: "folder" })) || isIgnored(entry);
  };
}

function parseRule(line: string, where: string): Rule[] {
  const trimmed = line.trim();
  if (trimmed === "" || trimmed.startsWith("#")) return [];
  if (trimmed.includes("**")) {
    throw new KilnError("ARTIFACT_INVALID", `${where}: got ${JSON.stringify(trimmed)}, want a pattern without **`, {
      hint: "Helm has no such pattern: name the folder, with a slash at its end",
    });
  }
  const isNegated = trimmed.startsWith("!");
  const pattern = trimmed.slice(isNegated ? 1 : 0).replace(/^\//, "./");
  const foldersOnly = pattern.endsWith("/");
  const bare = pattern.replace(/\/$/, "").replace(/^\.\//, "");
  const expression = globExpression(bare, where);
  const isPath = pattern.replace(/\/$/, "").includes("/");
  const matches = (path: string) => expression.test(isPath ? path : path.slice(path.lastIndexOf("/") + 1));
  return [{ matches, isNegated, foldersOnly }];
}

/** `*`, `?`, `[a-z]`, `[^a]` and backslashes; none of them matches a slash. */
function globExpression(glob: string, where: string): RegExp {
  const parts = glob.match(/\\.|\[\^?(?:\\.|[^\]\\])+\]|[^\\]/gsu) ?? [];
  const source = parts.map((part) => {
    if (part === "*") return "[^/]*";
    if (part === "?") return "[^/]";
    if (part.length > 1 && part.startsWith("[")) return part;
    return escaped(part.startsWith("\\") ? part.slice(1) : part);
  });
  try {
    return new RegExp(`^${source.join("")}$`, "u");
  } catch (cause) {
    throw new KilnError("ARTIFACT_INVALID", `${where}: got the pattern ${JSON.stringify(glob)}, which can't be read`, {
      hint: "mend it, or remove it",
      cause,
    });
  }
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`);
}
