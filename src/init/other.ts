// What is seen and has no kind of its own yet, and a project that nothing here knows.

import type { Finding } from "./finding.ts";
import type { Folder } from "./folder.ts";

export function lookAtDockerfile(folder: Folder): Finding | undefined {
  const file = ["Dockerfile", "Containerfile"].find(folder.has);
  if (file === undefined) return undefined;
  const note = `There is a ${file}: Kiln has no kind for container images yet, so there is no artifact for it.`;
  return { file, saw: "no kind for images yet: left out", notes: [note] };
}

const parsed = { "package.json": "JSON", "pyproject.toml": "TOML", "Cargo.toml": "TOML" };

/** A file that a project would be known by, were it what its name says. */
export function lookAtUnreadable(folder: Folder): Finding | undefined {
  const found = Object.entries(parsed).find(([file]) => folder.has(file) && folder.data(file) === undefined);
  if (found === undefined) return undefined;
  const [file, format] = found;
  return {
    file,
    saw: `can't be read as ${format}: left out`,
    notes: [`${file} can't be read as ${format}: mend it, and run kiln init anew.`],
  };
}

/** For a project that nothing else says anything of. */
export function unknownProject(folder: Folder): Finding {
  const makefile = ["Makefile", "makefile", "GNUmakefile"].find(folder.has);
  const note =
    "Nothing here says what it is: this packs the whole folder. Name what a build step makes, and choose a kind (docs/kinds.md).";
  return {
    file: makefile ?? ".",
    saw: makefile === undefined ? "nothing that says how to build it" : "make",
    build: makefile === undefined ? [] : [{ run: "make" }],
    artifacts: [{ name: "source", spec: { kind: "archive", from: "." }, note }],
  };
}
