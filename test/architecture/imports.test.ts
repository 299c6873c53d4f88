import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";

import { describe, expect, test } from "vitest";

import { ambient, type Part, parts, readersOf, unreachable } from "./import-table.ts";
import { importsOf } from "./imports.ts";

const src = join(import.meta.dirname, "../../src");

/** Path below src → its text. */
type Tree = ReadonlyMap<string, string>;

const tree: Tree = new Map(
  readdirSync(src, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts"))
    .map((path) => [path, readFileSync(join(src, path), "utf8")]),
);

describe("src", () => {
  test("imports only what the table allows", () => {
    expect(violations(tree)).toEqual([]);
  });

  test("has no file outside the table", () => {
    expect([...tree.keys()].filter((path) => partOf(path) === undefined)).toEqual([]);
  });

  test("reaches no code that builds or signs from verify, deploy and kiln-deploy", () => {
    expect(forbiddenReach(tree)).toEqual([]);
  });

  test("is given clock, environment and folder outside commands and programs", () => {
    expect(ambientUses(tree)).toEqual([]);
  });

  test("has no stale line in its table", () => {
    const used = new Set([...tree.keys()].map((path) => partOf(path)?.name));
    const names = new Set(parts.map(({ name }) => name));
    expect(parts.filter(({ name }) => !used.has(name)).map(({ name }) => name)).toEqual([]);
    expect(parts.flatMap(({ may }) => may).filter((name) => !names.has(name))).toEqual([]);
  });
});

describe("a planted violation is found", () => {
  test.each([
    ["a type-only import", "verify/x.ts", 'import type { Signers } from "../sign/signers.ts";', "sign/signers.ts"],
    ["a re-export", "deploy/x.ts", 'export { bake } from "../bake/bake.ts";', "bake/bake.ts"],
    ["a dynamic import", "deploy/x.ts", 'await import("../publish/release.ts");', "publish/release.ts"],
    ["a type query", "verify/x.ts", 'type S = import("../sign/signers.ts").Signers;', "sign/signers.ts"],
    ["a worker", "verify/x.ts", 'new Worker(new URL("../sign/worker.ts", import.meta.url));', "sign/worker.ts"],
    ["an import for its effect", "log/x.ts", 'import "../publish/release.ts";', "publish/release.ts"],
    ["the log's writing half", "verify/x.ts", 'import { append } from "../log/append.ts";', "log/append.ts"],
    ["a store behind its interface", "deploy/x.ts", 'import { f } from "../stores/folder.ts";', "stores/folder.ts"],
    ["a program from below", "system/x.ts", 'import { runProgram } from "../program.ts";', "program.ts"],
    ["commands from publish", "publish/x.ts", 'import { a } from "../commands/publish.ts";', "commands/publish.ts"],
    ["a folder that isn't in the table", "base/x.ts", 'import { a } from "../errors.ts";', "errors.ts"],
  ])("%s", (_, path, text, target) => {
    expect(violations(planted(path, text))).toEqual([expect.stringContaining(`src/${path} imports src/${target}`)]);
  });

  test("a sibling", () => {
    expect(violations(planted("activators/x.ts", 'import { a } from "./directory.ts";'))).toEqual([
      "src/activators/x.ts imports src/activators/directory.ts: an activator may not import its sibling",
    ]);
    expect(violations(planted("activators/directory-extra.ts", 'import { a } from "./directory.ts";'))).toEqual([]);
  });

  test("the writing half of the store interface", () => {
    expect(violations(planted("verify/x.ts", 'import type { Store } from "../stores/store.ts";'))).toEqual([
      "src/verify/x.ts imports Store of src/stores/store.ts: verify may only read",
    ]);
    expect(violations(planted("verify/x.ts", 'import * as all from "../stores/store.ts";'))).toHaveLength(1);
    expect(violations(planted("verify/x.ts", 'import type { ReadableStore } from "../stores/store.ts";'))).toEqual([]);
  });

  test("a detour over a part that may be imported", () => {
    const detour = new Map([
      ["verify/x.ts", 'import { a } from "../log/x.ts";'],
      ["log/x.ts", 'import { b } from "../artifact/x.ts";'],
      ["artifact/x.ts", 'import { c } from "../sign/x.ts";'],
      ["sign/x.ts", ""],
    ]);
    expect(forbiddenReach(detour)).toContain("src/verify/x.ts → src/log/x.ts → src/artifact/x.ts → src/sign/x.ts");
  });

  test("an ambient clock", () => {
    expect(ambientUses(new Map([["log/x.ts", "const t = Date.now();"]]))).toEqual(["src/log/x.ts uses Date.now("]);
    expect(ambientUses(new Map([["log/x.ts", "// never Date.now() here"]]))).toEqual([]);
    expect(ambientUses(new Map([["commands/x.ts", "const t = Date.now();"]]))).toEqual([]);
  });

  test("an import whose target is computed", () => {
    expect(() => importsOf("x.ts", "await import(name);")).toThrow("computed");
  });
});

function planted(path: string, text: string): Tree {
  return new Map([...tree, [path, text]]);
}

function partOf(path: string): Part | undefined {
  return parts.find(({ files }) => files.test(path));
}

function violations(files: Tree): string[] {
  return edgesOf(files).flatMap(({ from, to, names }) => {
    const [importer, imported] = [partOf(from), partOf(to)];
    const told = `src/${from} imports src/${to}`;
    if (importer === undefined || imported === undefined) return [`${told}: one of them isn't in the table`];
    if (importer === imported) {
      const apart = importer.siblings === "apart" && unitOf(from) !== unitOf(to);
      return apart ? [`${told}: ${article(importer.name)} may not import its sibling`] : [];
    }
    if (!importer.may.includes(imported.name)) return [`${told}: ${importer.name} may not import ${imported.name}`];
    const readsOnly = (readersOf.parts as readonly string[]).includes(importer.name) && to === readersOf.file;
    const writing =
      names.length === 0 ? ["everything"] : names.filter((name) => readersOf.never.includes(name as "Store"));
    if (readsOnly && writing.length > 0)
      return [`src/${from} imports ${writing.join(", ")} of src/${to}: ${importer.name} may only read`];
    return [];
  });
}

function forbiddenReach(files: Tree): string[] {
  const edges = Map.groupBy(edgesOf(files), ({ from }) => from);
  const starts = [...files.keys()].filter((path) =>
    (unreachable.from as readonly string[]).includes(partOf(path)?.name ?? ""),
  );
  const found: string[] = [];
  for (const start of starts) {
    const seen = new Set([start]);
    const open: string[][] = [[start]];
    for (let path = open.pop(); path !== undefined; path = open.pop()) {
      const last = path.at(-1) ?? start;
      if (unreachable.never.test(last)) {
        if (path.length > 1) found.push(path.map((file) => `src/${file}`).join(" → "));
        continue;
      }
      for (const { to } of edges.get(last) ?? []) {
        if (seen.has(to)) continue;
        seen.add(to);
        open.push([...path, to]);
      }
    }
  }
  return found;
}

function ambientUses(files: Tree): string[] {
  return [...files]
    .filter(([path]) => !ambient.allowed.test(path))
    .flatMap(([path, text]) => {
      const code = text.replace(/\/\*[^]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "");
      return ambient.uses.flatMap((use) => use.exec(code)?.map((match) => `src/${path} uses ${match}`) ?? []);
    });
}

function edgesOf(files: Tree): { from: string; to: string; names: readonly string[] }[] {
  return [...files].flatMap(([from, text]) =>
    importsOf(from, text)
      .filter(({ specifier }) => specifier.startsWith(".") && specifier.endsWith(".ts"))
      .map(({ specifier, names }) => ({ from, to: posix.join(dirname(from), specifier), names })),
  );
}

/** `stores/folder-list.ts`, `stores/folder/list.ts` → `folder`. */
function unitOf(path: string): string {
  return path.split("/")[1]?.replace(/\.ts$/, "").split("-")[0] ?? path;
}

function article(name: string): string {
  return `${/^[aeiou]/.test(name) ? "an" : "a"} ${name}`;
}
