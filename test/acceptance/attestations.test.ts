// What a bake says about itself, read by the formats' own libraries: the provenance by in-toto's, strictly, field by field;
// the SBOMs' trees by whoever follows them. The project has lock files of several languages, and no network is needed to bake it.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import {
  commit,
  emptyScene,
  git,
  kilnDone,
  recipe,
  removeScene,
  type Scene,
  staticVersion,
} from "../fixtures/scene.ts";

const hash = (digit: string): string => digit.repeat(64);

const files = {
  "package-lock.json": JSON.stringify({
    lockfileVersion: 3,
    packages: {
      "": { dependencies: { a: "^1" } },
      "node_modules/a": {
        version: "1.0.0",
        integrity: `sha512-${Buffer.alloc(64, 1).toString("base64")}`,
        dependencies: { b: "*" },
      },
      "node_modules/b": {
        version: "2.0.0",
        integrity: `sha512-${Buffer.alloc(64, 2).toString("base64")}`,
        license: "MIT",
      },
    },
  }),
  "requirements.txt": `c==1.0 --hash=sha256:${hash("1")} --hash=sha256:${hash("2")}\nd==2.0 --hash=sha256:${hash("3")}\n    # via c\n`,
  "Cargo.lock": `version = 4\n[[package]]\nname = "e"\nversion = "1.0.0"\nsource = "registry+https://crates.example/"\nchecksum = "${hash("4")}"\n`,
  "go.sum": `git.example/f v1.0.0 h1:${Buffer.alloc(32, 5).toString("base64")}\n`,
  "files/a.txt": "a\n",
};

let scene: Scene;
let folder: string;

beforeAll(async () => {
  scene = emptyScene();
  await git(scene, "init", "--quiet", "--initial-branch", "main");
  const artifacts =
    "{ app: { kind: archive, from: files }, package: { kind: deb, depends: [adduser], recommends: [man-db], files: { /usr/share/app: files } } }";
  await commit(scene, { "kiln.yaml": recipe({ version: staticVersion("1.0.0"), artifacts }), ...files });
  folder = join(scene.root, "baked");
  await kilnDone(scene, ["bake", "--out", folder], { env: { KILN_ISOLATION: "sandbox", KILN_STORE: undefined } });
});

afterAll(() => removeScene(scene));

/** Parses with every unknown field an error, and prints what was understood. */
const program = `
import json, sys
from google.protobuf import json_format
from in_toto_attestation.v1.statement import Statement
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2

text = json.load(open(sys.argv[1]))
statement = json_format.ParseDict(text, statement_pb2.Statement(), ignore_unknown_fields=False)
Statement.copy_from_pb(statement).validate()
provenance = json_format.ParseDict(text["predicate"], provenance_pb2.Provenance(), ignore_unknown_fields=False)
dependencies = provenance.build_definition.resolved_dependencies
for dependency in dependencies:
    ResourceDescriptor.copy_from_pb(dependency).validate()
print(json.dumps({
    "subjects": [subject.name for subject in statement.subject],
    "buildType": provenance.build_definition.build_type,
    "builder": provenance.run_details.builder.id,
    "dependencies": [[one.name, one.uri, dict(one.digest)] for one in dependencies],
}))
`;

test(
  "in-toto's own library reads the provenance strictly, and finds every input with its digest",
  { timeout: 120_000 },
  () => {
    const library = join(scene.root, "library");
    const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", library];
    execFileSync("python3", [...pip, "in-toto-attestation==0.9.3", "protobuf==7.36.2"], { stdio: "pipe" });
    const said = execFileSync("python3", ["-c", program, join(folder, "provenance.json")], {
      encoding: "utf8",
      env: { PATH: process.env["PATH"], PYTHONPATH: library },
    });
    const read = JSON.parse(said) as {
      subjects: string[];
      builder: string;
      dependencies: [string, string, Record<string, string>][];
    };
    expect(read.subjects).toEqual(["app-1.0.0.tar.zst", "app_1.0.0_all.deb"]);
    expect(read.builder).toBe("urn:kiln:builder:bubblewrap");
    const digests = new Map(read.dependencies.map(([name, uri, digest]) => [`${name} ${uri}`, digest]));
    for (const name of ["kiln.yaml", "package-lock.json", "requirements.txt", "Cargo.lock", "go.sum"]) {
      expect(digests.get(`${name} `), name).toEqual({ sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string });
    }
    expect(read.dependencies).toEqual(
      expect.arrayContaining([
        ["a@1.0.0", "pkg:npm/a@1.0.0", { sha512: "01".repeat(64) }],
        ["c@1.0", "pkg:pypi/c@1.0", { sha256: hash("1") }],
        ["c@1.0", "pkg:pypi/c@1.0", { sha256: hash("2") }],
        ["e-1.0.0.crate", "pkg:cargo/e@1.0.0", { sha256: hash("4") }],
        ["git.example/f@v1.0.0", "pkg:golang/git.example/f@v1.0.0", { dirHash: "05".repeat(32) }],
      ]),
    );
  },
);

interface Bom {
  readonly components: readonly { readonly "bom-ref": string; readonly scope?: string }[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn?: readonly string[] }[];
}

const bomOf = (file: string): Bom => JSON.parse(readFileSync(join(folder, `${file}.cdx.json`), "utf8")) as Bom;

test("from each artifact every component can be reached by who uses whom", () => {
  for (const file of ["app-1.0.0.tar.zst", "app_1.0.0_all.deb"]) {
    const { components, dependencies } = bomOf(file);
    const uses = new Map(dependencies.map(({ ref, dependsOn = [] }) => [ref, dependsOn]));
    const reached = new Set(["artifact"]);
    for (const ref of reached) for (const used of uses.get(ref) ?? []) reached.add(used);
    expect([...reached].toSorted()).toEqual(["artifact", ...components.map((one) => one["bom-ref"])].toSorted());
    expect(uses.get("pkg:npm/a@1.0.0")).toEqual(["pkg:npm/b@2.0.0"]);
    expect(uses.get("pkg:pypi/c@1.0")).toEqual(["pkg:pypi/d@2.0"]);
  }
  const scopes = new Map(bomOf("app_1.0.0_all.deb").components.map((one) => [one["bom-ref"], one.scope]));
  expect(scopes.get("pkg:deb/debian/adduser")).toBe("required");
  expect(scopes.get("pkg:deb/debian/man-db")).toBe("optional");
});
