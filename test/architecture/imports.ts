// The imports of TypeScript source, of every form: static, type-only, re-export, dynamic, `import("…").Type`, and files that
// are named by `new URL("…", import.meta.url)` to be run as a worker or a process.

import { parseSync, Visitor } from "rolldown/utils";

export interface Import {
  /** As it is written. */
  readonly specifier: string;
  /** Imported names; empty for a whole module. */
  readonly names: readonly string[];
}

/** Throws when the source doesn't parse, or an import's target is computed: then nobody could tell what it reaches. */
export function importsOf(file: string, source: string): Import[] {
  const { program, module, errors } = parseSync(file, source);
  if (errors.length > 0) throw new Error(`${file}: ${errors[0]?.message}`);
  const found: Import[] = module.staticImports.map(({ moduleRequest, entries }) => ({
    specifier: moduleRequest.value,
    names: entries.flatMap(({ importName }) => importName.name ?? []),
  }));
  for (const { entries } of module.staticExports) {
    for (const { moduleRequest, importName } of entries) {
      if (moduleRequest !== null)
        found.push({ specifier: moduleRequest.value, names: importName.name === null ? [] : [importName.name] });
    }
  }
  const add = (node: { readonly type: string; readonly value?: unknown }, what: string): void => {
    if (node.type !== "Literal" || typeof node.value !== "string")
      throw new Error(`${file}: ${what} of a computed name`);
    found.push({ specifier: node.value, names: [] });
  };
  new Visitor({
    ImportExpression: ({ source: target }) => add(target, "import()"),
    TSImportType: ({ source: target }) => add(target, "import type"),
    NewExpression: ({ callee, arguments: [target, baseUrl] }) => {
      const isHere = baseUrl?.type === "MemberExpression" && baseUrl.object.type === "MetaProperty";
      if (callee.type === "Identifier" && callee.name === "URL" && isHere && target?.type === "Literal") {
        add(target, "new URL()");
      }
    },
  }).visit(program);
  return found;
}
