import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

import { expect, test } from "vitest";

import { importsOf } from "../architecture/imports.ts";

const folder = join(import.meta.dirname, "../../src/sign");

/** Every module that `files` lead to. */
function reachOf(files: readonly string[]): Set<string> {
  const reached = new Set<string>();
  const open = [...files];
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (reached.has(file)) continue;
    reached.add(file);
    if (!file.endsWith(".ts")) continue;
    for (const { specifier } of importsOf(file, readFileSync(file, "utf8"))) {
      open.push(specifier.startsWith(".") ? resolve(file, "..", specifier) : specifier);
    }
  }
  return reached;
}

test("code that holds private keys starts no process and opens no connection, so no child can be given one", () => {
  const reached = reachOf(readdirSync(folder).map((name) => join(folder, name)));
  expect(reached).toContain("age-encryption");
  const ways = [
    "child_process",
    "cluster",
    "worker_threads",
    "net",
    "http",
    "http2",
    "https",
    "tls",
    "dgram",
    "inspector",
  ];
  const forbidden = [...ways.flatMap((name) => [name, `node:${name}`]), "execa"];
  expect(forbidden.filter((name) => reached.has(name))).toEqual([]);
});
