import { appendFile, chmod, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { contentsOf } from "../fixtures/contents.ts";
import { type GitServer, serveGit } from "../fixtures/git-server.ts";
import {
  commit,
  emptyScene,
  expectRefused,
  git,
  kiln,
  kilnDone,
  recipe,
  removeScene,
  type Scene,
  staticVersion,
} from "../fixtures/scene.ts";

// Releases that were published from one machine's clone, baked again on another: all that is brought along is the store and
// the trust file. The source comes from git's own server.

let scene: Scene;
let server: GitServer;
/** Bakes in the sandbox. */
const env = { KILN_ISOLATION: undefined };

const publish = async (version: string, changes: Readonly<Record<string, string>>): Promise<void> => {
  await commit(scene, {
    "kiln.yaml": recipe({ version: staticVersion(version), activate: "{}", ...changes }),
    "src/a.txt": `${version}\n`,
    ".gitignore": ".kiln/\n",
  });
  await kilnDone(scene, ["publish", "--channel", "staging"], { env });
};

beforeAll(async () => {
  scene = emptyScene();
  await git(scene, "init", "--quiet", "--initial-branch", "main");
  await kilnDone(scene, ["store", "create", scene.store, "--origin", "kiln.test"]);
  await commit(scene, { "src/a.txt": "x\n" });
  server = await serveGit(scene.project);
  await git(scene, "remote", "add", "origin", server.url);
  await publish("1.0.0", {
    matrix: "{ flavour: [plain, rich] }",
    build: "[mkdir dist, 'date +%Y > dist/year', 'cp src/a.txt dist/', 'echo ${matrix.flavour} >> dist/a.txt']",
    artifacts:
      "{ app: { kind: archive, from: dist }, package: { kind: deb, package: 'app-${matrix.flavour}', files: { /usr/share/app: dist } } }",
  });
  await publish("1.0.1", {
    build: "[mkdir dist, 'cat /proc/sys/kernel/random/uuid > dist/id', 'cp src/a.txt dist/']",
    artifacts: "{ app: { kind: archive, from: dist }, text: { kind: archive, from: src } }",
  });
}, 300_000);

afterAll(async () => {
  await server.close();
  await removeScene(scene);
});

interface Rebuilt {
  readonly identical: boolean;
  readonly inputs: readonly unknown[];
  readonly artifacts: readonly {
    readonly name: string;
    readonly identical: boolean;
    readonly difference: string | null;
  }[];
}

test("a release comes out identical from its provenance alone, and the store is only read", async () => {
  const before = await contentsOf(scene.store);
  const { stdout } = await kilnDone(scene, ["rebuild", "app@1.0.0", "--json"], { cwd: scene.home, env });
  const { identical, inputs, artifacts } = JSON.parse(stdout) as Rebuilt;
  expect({ identical, inputs }).toEqual({ identical: true, inputs: [] });
  expect(artifacts.map((artifact) => [artifact.name, artifact.identical, artifact.difference])).toEqual(
    ["app-plain", "app-rich", "package-plain", "package-rich"].map((name) => [name, true, null]),
  );
  expect(await contentsOf(scene.store)).toEqual(before);
}, 120_000);

test("what comes out different is named to the byte, and what was baked can be kept", async () => {
  const out = join(scene.root, "rebuilt");
  const said = await kiln(scene, ["rebuild", "app@1.0.1", "--source", scene.project, "--out", out], {
    cwd: scene.home,
    env,
  });
  expect(said.end).toBe(1);
  expect(said.stdout).toContain("app@1.0.1: 1 of 2 artifacts came out identical");
  expect(said.stdout).toMatch(/^ {2}different +app-1\.0\.1\.tar\.zst +[0-9a-f]{12}$/m);
  expect(said.stdout).toMatch(/^ {2}identical +app-text-1\.0\.1\.tar\.zst/m);
  expect(said.stdout).toMatch(
    /^ {2}app-1\.0\.1\.tar\.zst: id differs from byte \d+ \(line 1\) on: ".*" and then ".*"$/m,
  );
  expect(JSON.parse(await readFile(join(out, "release.json"), "utf8"))).toMatchObject({ version: "1.0.1" });
}, 120_000);

test("a rebuild can be published as an attestation, by a key that may; show, verify and audit know it", async () => {
  const trusted = await readFile(scene.trustFile, "utf8");
  const narrow = JSON.parse(trusted) as { release: { attests?: string[] }[] };
  for (const key of narrow.release) key.attests = ["other"];
  const narrowFile = join(scene.root, "narrow.json");
  await writeFile(narrowFile, JSON.stringify(narrow));
  const asked = ["rebuild", "app@1.0.0", "--source", scene.project, "--publish"];
  const refused = await kiln(scene, [...asked, "--trust", narrowFile], { env });
  expectRefused(refused, { status: 3, code: "KEY_NOT_ALLOWED", says: "may not attest app" });

  const { stdout } = await kilnDone(scene, [...asked, "--json"], { env });
  const { attestation } = JSON.parse(stdout) as { attestation: { digest: string; leaf: number } };
  const said = { ...attestation, predicateType: "urn:kiln:rebuild:v1", result: "identical" };
  const shown = JSON.parse((await kilnDone(scene, ["show", "app@1.0.0", "--json"])).stdout) as { attested: unknown[] };
  expect(shown.attested).toEqual([expect.objectContaining(said)]);
  const verified = await kilnDone(scene, ["verify", "app@1.0.0"]);
  expect(verified.stdout).toMatch(
    new RegExp(
      `^ {2}attested +urn:kiln:rebuild:v1 {2}identical, says urn:kiln:builder:bubblewrap, leaf ${attestation.leaf}$`,
      "m",
    ),
  );
  await kilnDone(scene, ["audit"]);

  // Without its envelope an audit refuses the store; the release itself is what it was.
  const { digest } = attestation;
  const envelope = join(scene.store, `pool/sha256/${digest.slice(0, 2)}/${digest}/attestation.json`);
  const bytes = await readFile(envelope);
  await chmod(envelope, 0o644);
  await writeFile(envelope, bytes.toString().replace("inToto", "x").replace("in-toto", "in-tot0"));
  const after = await kilnDone(scene, ["verify", "app@1.0.0", "--json"]);
  expect(JSON.parse(after.stdout)).toMatchObject({ verdict: "verified", attested: [] });
  const audited = await kiln(scene, ["audit", "--json"]);
  expect(audited.end).toBe(3);
  expect(audited.stdout).toContain("DIGEST_MISMATCH");
  await writeFile(envelope, bytes);
  await kilnDone(scene, ["audit"]);
}, 120_000);

test("a source that isn't there, a tree that was no commit and a release that was tampered with are refused", async () => {
  const away = emptyScene();
  await git(away, "init", "--quiet");
  await commit(away, { other: "file" });
  const asked = ["rebuild", "app@1.0.1", "--source", away.project];
  expectRefused(await kiln(scene, asked, { env }), { status: 2, code: "COMMIT_NOT_FOUND" });
  await removeScene(away);

  expectRefused(await kiln(scene, ["rebuild", "app"], { env }), { status: 2, code: "USAGE", says: "NAME@VERSION" });
  expectRefused(await kiln(scene, ["rebuild", "app@9.9.9"], { env }), { status: 1, code: "NOT_FOUND" });

  await writeFile(join(scene.project, "src/a.txt"), "not committed\n");
  const { stdout } = await kilnDone(scene, ["publish", "--allow-dirty", "--json"], { env });
  await git(scene, "checkout", "--quiet", ".");
  const { version } = JSON.parse(stdout) as { version: string };
  const dirty = await kiln(scene, ["rebuild", `app@${version}`], { env });
  expectRefused(dirty, { status: 1, code: "REBUILD_IMPOSSIBLE", says: "a work tree that is no commit" });

  const files = await readdir(join(scene.store, "pool"), { recursive: true });
  const artifact = files.find((file) => file.endsWith("app-text-1.0.1.tar.zst")) ?? "";
  await appendFile(join(scene.store, "pool", artifact), "x");
  expectRefused(await kiln(scene, ["rebuild", "app@1.0.1"], { env }), {
    status: 3,
    code: /DIGEST_MISMATCH|STORE_CORRUPT/,
  });
}, 120_000);
