// pyproject.toml, setup.cfg or setup.py: a wheel and an sdist by the project's own backend, whose requirements must be locked;
// tests in an environment that uv, poetry or pip make of the project's own lock file.

import { z } from "zod";

import type { Finding, Line } from "./finding.ts";
import type { Folder } from "./folder.ts";

const version = z.string().optional().catch(undefined);
const projectSchema = z.looseObject({
  "build-system": z
    .looseObject({ requires: z.array(z.string()).default([]), "build-backend": z.string().optional() })
    .optional()
    .catch(undefined),
  project: z.looseObject({ name: z.string().optional(), version }).optional().catch(undefined),
  tool: z
    .looseObject({ poetry: z.looseObject({ name: z.string().optional(), version }).optional().catch(undefined) })
    .optional()
    .catch(undefined),
});

/** The file that pins what the backend needs, by default. */
export const buildRequirements = "build-requirements.txt";

export interface PythonFinding extends Finding {
  /** What must be locked before a bake, as the project asks for it; empty if a lock is there already. */
  readonly toLock: readonly string[];
}

export function lookAtPython(folder: Folder): PythonFinding | undefined {
  const parsed = projectSchema.safeParse(folder.data("pyproject.toml") ?? {});
  const legacy = ["setup.py", "setup.cfg"].find((file) => folder.has(file));
  const file = folder.has("pyproject.toml") ? "pyproject.toml" : legacy;
  if (file === undefined || !parsed.success) return undefined;
  const { "build-system": system, project, tool } = parsed.data;
  const isBuilt = system !== undefined || legacy !== undefined || project !== undefined;
  const environment = environmentOf(folder);
  const tests = testsOf(folder, environment);
  const shared = {
    file,
    name: project?.name ?? tool?.poetry?.name ?? setupName(folder),
    version: versionOf(folder, project?.version ?? tool?.poetry?.version),
    notes: tests.notes,
  };
  // Settings of tools, or an application that is run where it lies.
  if (!isBuilt) {
    const note = "Nothing here says how to build it, so this is the source.";
    const artifacts = [{ name: "app", spec: { kind: "archive", from: "." }, note }];
    return { ...shared, saw: "no build system", fetch: tests.fetch, checks: tests.checks, artifacts, toLock: [] };
  }
  const isLocked = folder.has(buildRequirements);
  const backend = system?.["build-backend"]?.split(".")[0] ?? "setuptools";
  return {
    ...shared,
    saw: `built by ${backend}${environment === undefined ? "" : `; ${environment.file}`}`,
    fetch: [
      {
        run: `python3 -m pip download --quiet --require-hashes -r ${buildRequirements} -d wheelhouse`,
        note: `What builds it, pinned by ${buildRequirements}.`,
      },
      ...tests.fetch,
    ],
    checks: tests.checks,
    artifacts: [
      { name: "wheel", spec: { kind: "wheel", from: "." } },
      { name: "sdist", spec: { kind: "sdist", from: "." } },
    ],
    toLock: isLocked ? [] : (system?.requires ?? ["setuptools>=40.8.0"]),
  };
}

function setupName(folder: Folder): string | undefined {
  const ofSettings = /^name\s*=\s*([\w.-]+)\s*$/m.exec(folder.text("setup.cfg") ?? "");
  return (ofSettings ?? /\bname\s*=\s*["']([\w.-]+)["']/.exec(folder.text("setup.py") ?? ""))?.[1];
}

/** Where the version stands as text, for a bake to read. Where a tool asks version control, it is the tag's. */
function versionOf(folder: Folder, stated: string | undefined): Finding["version"] {
  if (stated !== undefined) return { yaml: "{ from: manifest, file: FOLDER/pyproject.toml }", now: stated };
  const ofSetup = /^version\s*=\s*\d/m.test(folder.text("setup.cfg") ?? "");
  if (ofSetup) return { yaml: String.raw`{ from: file, path: FOLDER/setup.cfg, regex: '^version\s*=\s*(\S+)' }` };
  if (/\bversion\s*=\s*["']\d/.test(folder.text("setup.py") ?? "")) {
    return { yaml: `{ from: file, path: FOLDER/setup.py, regex: '\\bversion\\s*=\\s*["''](\\d[^"'']*)' }`, only: true };
  }
  const inCode = folder.files.find(
    (file) =>
      /^(?:src\/)?[^/]+\/(?:__init__|__version__|_version|version|about|__about__)\.py$/.test(file) &&
      assigned.test(folder.text(file) ?? ""),
  );
  if (inCode !== undefined) {
    return {
      yaml: `{ from: file, path: ${JSON.stringify(`FOLDER/${inCode}`)}, regex: '^__version__\\s*=\\s*["''](\\d[^"'']*)' }`,
      only: true,
    };
  }
  return undefined;
}

const assigned = /^__version__\s*=\s*["']\d/m;

interface Environment {
  readonly file: string;
  /** Whether the file pins everything: otherwise tests may fail tomorrow that pass today. */
  readonly isLocked: boolean;
  readonly fetch: readonly Line[];
  /** What stands before a program of the environment. */
  readonly run: string;
}

/** Outside of the source, so that no backend takes it for a part of the project. */
const venv = '"$HOME/venv"';

function environmentOf(folder: Folder): Environment | undefined {
  const tool = (name: string) => `python3 -m venv ${venv} && ${venv}/bin/pip install --quiet ${name}`;
  if (folder.has("uv.lock")) {
    const note = "Pinned by uv.lock, uv itself aside: write a version of it here, as in uv==0.9.0.";
    const run = `UV_PROJECT_ENVIRONMENT="$HOME/project" ${venv}/bin/uv`;
    return {
      file: "uv.lock",
      isLocked: true,
      fetch: [{ run: `${tool("uv")} && ${run} sync --frozen`, note }],
      run: `${run} run --frozen --offline`,
    };
  }
  if (folder.has("poetry.lock")) {
    const note = "Pinned by poetry.lock, poetry itself aside: write a version of it here, as in poetry==2.2.0.";
    const run = `${venv}/bin/poetry`;
    return {
      file: "poetry.lock",
      isLocked: true,
      fetch: [{ run: `${tool("poetry")} && ${run} install --no-interaction`, note }],
      run: `${run} run`,
    };
  }
  const file = ["requirements-dev.txt", "dev-requirements.txt", "requirements-test.txt", "test-requirements.txt"]
    .concat("requirements/dev.txt", "requirements/test.txt", "requirements.txt")
    .find((name) => folder.has(name));
  if (file === undefined) return undefined;
  const fetch = [{ run: tool(`-r ${file}`), note: `Pinned by ${file}.` }];
  const isLocked = folder.text(file)?.includes("--hash=") ?? false;
  return { file, isLocked, fetch, run: `${venv}/bin/python -m` };
}

interface Tests {
  readonly fetch: readonly Line[];
  readonly checks: readonly { readonly name: string; readonly run: string; readonly note?: string }[];
  readonly notes: readonly string[];
}

function testsOf(folder: Folder, environment: Environment | undefined): Tests {
  const isTested = folder.files.some((file) => /(?:^|\/)test_[^/]*\.py$|(?:^|\/)[^/]*_test\.py$/.test(file));
  if (!isTested) return { fetch: [], checks: [], notes: [] };
  const named = environment === undefined ? "" : (folder.text(environment.file) ?? "");
  const usesPytest = /\bpytest\b/.test(named);
  const path = folder.files.some((file) => file.startsWith("src/")) ? "src" : ".";
  if (environment !== undefined && usesPytest) {
    const check = { name: "pytest", run: `PYTHONPATH=${path} ${environment.run} pytest` };
    if (environment.isLocked) return { fetch: environment.fetch, checks: [check], notes: [] };
    const note =
      `There are tests. ${environment.file} doesn't pin what they run with (pip-compile --generate-hashes does), so this isn't a step yet:\n` +
      `fetch:\n  - ${environment.fetch.map(({ run }) => run).join("")}\nchecks:\n  - { name: pytest, run: '${check.run}' }`;
    return { fetch: [], checks: [], notes: [note] };
  }
  const note =
    "There are tests, and no lock file (uv.lock, poetry.lock, requirements-dev.txt) that says with what they run:\n" +
    `fetch:\n  - python3 -m venv ${venv} && ${venv}/bin/pip install pytest==8.4.2\n` +
    `checks:\n  - { name: pytest, run: 'PYTHONPATH=${path} ${venv}/bin/python -m pytest' }`;
  return { fetch: [], checks: [], notes: [note] };
}
