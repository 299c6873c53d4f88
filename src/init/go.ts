// go.mod: the programs of a module as an archive.

import { posix } from "node:path";

import { type Finding, shellWord } from "./finding.ts";
import type { Folder } from "./folder.ts";

/** Where Go's own distribution lies, which no step has in its PATH. */
const official = "/usr/local/go/bin/go";

export function lookAtGo(folder: Folder): Finding | undefined {
  const path = /^module\s+"?([^\s"]+)/m.exec(folder.text("go.mod") ?? "")?.[1];
  if (path === undefined) return undefined;
  const mains = [...new Set(folder.files.filter((file) => isMain(file, folder)).map((file) => posix.dirname(file)))];
  const isOfficial = !folder.hasProgram("go") && folder.hasProgram(official);
  const go = isOfficial ? official : "go";
  const packages = mains.map((main) => shellWord(main === "." ? "." : `./${main}`)).join(" ");
  const notes = [
    ...(mains.length > 0
      ? ["As a Debian package, too, below artifacts:\n  package: { kind: deb, files: { /usr/bin: bin } }"]
      : []),
    ...(folder.hasProgram("go") || isOfficial
      ? []
      : ["Steps see programs below /usr alone, and there is no go: apt-get install golang-go"]),
  ];
  return {
    file: "go.mod",
    saw: mains.length === 0 ? "a library" : `programs in ${mains.join(", ")}`,
    name: path
      .replace(/\/v\d+$/, "")
      .split("/")
      .at(-1),
    // Modules have their versions from tags alone.
    version: undefined,
    fetch: folder.has("vendor/modules.txt") ? [] : [{ run: `${go} mod download`, note: "Pinned by go.sum." }],
    build: mains.length === 0 ? [] : [{ run: `${go} build -trimpath -o bin/ ${packages}` }],
    checks: [{ name: "test", run: `${go} test ./...` }],
    artifacts:
      mains.length === 0
        ? [
            {
              name: "source",
              spec: { kind: "archive", from: "." },
              note: "A library is fetched from its repository: this is its source.",
            },
          ]
        : [{ name: "programs", spec: { kind: "archive", from: "bin" } }],
    notes,
  };
}

/** A file of a program: not a test, not of another module's or the tools' own folders, not left out of every build. */
function isMain(file: string, folder: Folder): boolean {
  if (!file.endsWith(".go") || file.endsWith("_test.go")) return false;
  if (
    file.split("/").some((part) => ["vendor", "testdata", "examples", "example"].includes(part) || /^[._]/.test(part))
  )
    return false;
  if (ofOtherModule(file, folder)) return false;
  const text = folder.text(file) ?? "";
  return /^package main\b/m.test(text) && !/^\/\/(?:go:build|\s*\+build)\s+.*\bignore\b/m.test(text);
}

function ofOtherModule(file: string, folder: Folder): boolean {
  for (let at = posix.dirname(file); at !== "."; at = posix.dirname(at)) if (folder.has(`${at}/go.mod`)) return true;
  return false;
}
