// Publishing what isn't a bake, or isn't the bake any more, or is another one under the same version.

import { chmod, readdir, readFile, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { bakeInto, manifestIn, putArtifact, writeManifest } from "../fixtures/bake-folder.ts";
import { asPlainUser } from "../fixtures/mounts.ts";
import { type Refusal, testRefusals } from "../fixtures/refusals.ts";
import {
  commit,
  copyScene,
  expectRefused,
  git,
  kiln,
  kilnDone,
  makeScene,
  recipe,
  removeScene,
  type Scene,
  stateOf,
  staticVersion,
} from "../fixtures/scene.ts";

let scene: Scene;
beforeAll(async () => {
  scene = await makeScene();
  await bakeInto(scene, "out");
});
afterAll(() => removeScene(scene));

const out = (own: Scene, file = ""): string => join(own.root, "out", file);
const artifact = "app-1.0.1.tar.zst";

/** `kiln publish` of the bake's folder after something was done to it. */
const spoilt = (title: string, setUp: (own: Scene) => Promise<unknown>, ending: Partial<Refusal> = {}): Refusal => ({
  title,
  setUp,
  command: ["publish", "../out"],
  status: 1,
  code: "BAKE_CHANGED",
  ...ending,
});

const notManifest = { status: 3, code: "STORE_CORRUPT", says: "release.json" } as const;

testRefusals(
  () => scene,
  [
    spoilt("an artifact with one byte more", (own) => writeFile(out(own, artifact), "x", { flag: "a" }), {
      says: artifact,
    }),
    spoilt("an artifact with one byte changed", async (own) => {
      const bytes = await readFile(out(own, artifact));
      bytes[10] = (bytes[10] ?? 0) ^ 1;
      await writeFile(out(own, artifact), bytes);
    }),
    spoilt("an artifact that is empty", (own) => truncate(out(own, artifact))),
    spoilt("half an artifact", (own) => truncate(out(own, artifact), 50)),
    spoilt("an artifact that is gone", (own) => rm(out(own, artifact)), { says: artifact }),
    spoilt("an artifact that is a folder", async (own) => {
      await rm(out(own, artifact));
      await symlink("logs", out(own, artifact));
    }),
    spoilt("an SBOM that was changed", async (own) => {
      await writeFile(out(own, `${artifact}.cdx.json`), "{}");
    }),
    spoilt("a provenance that was changed", async (own) => {
      const file = (await readdir(out(own))).find((name) => name.includes("provenance")) ?? "";
      await writeFile(out(own, file), "{}");
    }),
    spoilt("an artifact that may not be read", (own) => chmod(out(own, artifact), 0), {
      options: { wrapper: asPlainUser },
      code: "PERMISSION_DENIED",
      says: artifact,
    }),
    spoilt("a folder without a manifest", (own) => rm(out(own, "release.json")), { code: "NOT_FOUND" }),
    { title: "a folder that isn't there", command: ["publish", "../nowhere"], status: 1, code: "NOT_FOUND" },
    { title: "a file that is no package", command: ["publish", "kiln.yaml"], status: 1, code: "IMPORT_REFUSED" },
    spoilt("a manifest of garbage", (own) => writeFile(out(own, "release.json"), "\0\0\0"), notManifest),
    spoilt("an empty manifest", (own) => writeFile(out(own, "release.json"), ""), notManifest),
    spoilt(
      "a manifest that is pretty-printed",
      async (own) => {
        await writeFile(out(own, "release.json"), JSON.stringify(await manifestIn(out(own)), null, 2));
      },
      notManifest,
    ),
    spoilt(
      "a manifest that names a file outside",
      async (own) => {
        const text = await readFile(out(own, "release.json"), "utf8");
        await writeFile(out(own, "release.json"), text.replace(artifact, `../${artifact}`));
      },
      notManifest,
    ),
    spoilt(
      "a manifest that names no artifacts",
      async (own) => {
        await writeManifest(out(own), { ...(await manifestIn(out(own))), artifacts: [] });
      },
      notManifest,
    ),
    spoilt(
      "a manifest with a version that can't be",
      async (own) => {
        await writeManifest(out(own), { ...(await manifestIn(out(own))), version: "../x" });
      },
      notManifest,
    ),
    spoilt("a channel that can't be", async () => undefined, {
      command: ["publish", "../out", "--channel", "../x"],
      status: 2,
      code: "NAME_INVALID",
    }),
    spoilt(
      "the version of a release with other bytes",
      async (own) => {
        const manifest = await manifestIn(out(own));
        const source = { ...manifest.source, commit: "f".repeat(40) };
        await writeManifest(out(own), { ...manifest, source });
        await putArtifact(out(own), Buffer.from("other bytes"), { version: "1.0.0" });
      },
      { code: "IMMUTABLE_CONFLICT", says: "app@1.0.0" },
    ),
    {
      title: "the version of a release, from another commit",
      setUp: (own) =>
        commit(own, { "kiln.yaml": recipe({ version: staticVersion("1.0.0") }), "files/a.txt": "neither of both\n" }),
      command: ["publish"],
      status: 1,
      code: "IMMUTABLE_CONFLICT",
      says: "app@1.0.0: got commit ",
    },
    {
      title: "the version of a release, from another commit that doesn't build: nothing is tried",
      setUp: (own) => commit(own, { "kiln.yaml": recipe({ version: staticVersion("1.0.0"), build: '["exit 1"]' }) }),
      command: ["publish"],
      status: 1,
      code: "IMMUTABLE_CONFLICT",
    },
    {
      title: "the version of a release, from another repository with the same name",
      setUp: async (own) => {
        await rm(join(own.project, ".git"), { recursive: true });
        await git(own, "init", "--quiet", "--initial-branch", "main");
        await commit(own, { "kiln.yaml": recipe({ version: staticVersion("1.0.0") }) });
      },
      command: ["publish"],
      status: 1,
      code: "IMMUTABLE_CONFLICT",
    },
    {
      title: "a tag whose version stands for another commit",
      setUp: async (own) => {
        await git(own, "tag", "1.0.0");
        await git(own, "checkout", "--quiet", "--detach");
      },
      command: ["publish", "--ref", "refs/tags/1.0.0"],
      status: 1,
      code: "IMMUTABLE_CONFLICT",
    },
    {
      title: "a release that isn't there, to promote",
      command: ["promote", "app@9", "x"],
      status: 1,
      code: "NOT_FOUND",
    },
    {
      title: "a channel that isn't there, to promote",
      command: ["promote", "app:no", "x"],
      status: 1,
      code: "NOT_FOUND",
    },
    { title: "a name that isn't there, to promote", command: ["promote", "no@1", "x"], status: 1, code: "NOT_FOUND" },
    { title: "a name that isn't there, to list", command: ["list", "no"], status: 1, code: "NOT_FOUND" },
    { title: "a release that isn't there, to show", command: ["show", "app@9"], status: 1, code: "NOT_FOUND" },
    { title: "a name that isn't there, to show", command: ["show", "no"], status: 1, code: "NOT_FOUND" },
    { title: "a file that isn't there, to verify", command: ["verify", "./no"], status: 1, code: "NOT_FOUND" },
  ],
);

test("after a conflict a commit with a version of its own is published", async () => {
  const own = await copyScene(scene);
  try {
    await commit(own, { "kiln.yaml": recipe({ version: staticVersion("1.0.0") }) });
    const before = await stateOf(own);
    expectRefused(await kiln(own, ["publish"]), { status: 1, code: "IMMUTABLE_CONFLICT" });
    expect(await stateOf(own)).toEqual(before);
    await commit(own, { "kiln.yaml": recipe() });
    await kilnDone(own, ["publish"]);
    await kilnDone(own, ["verify", "app@1.0.2"]);
  } finally {
    await removeScene(own);
  }
});

test("a commit that was released isn't baked again: its release is the answer, whatever lies in .kiln", async () => {
  const own = await copyScene(scene);
  try {
    const first = JSON.parse((await kilnDone(own, ["publish", "--json"])).stdout) as { manifest: string };
    const state = await stateOf(own);
    await rm(join(own.project, ".kiln"), { recursive: true });
    const again = JSON.parse((await kilnDone(own, ["publish", "--json"])).stdout) as object;
    expect(again).toMatchObject({ manifest: first.manifest, added: false });
    expect(await stateOf(own)).toEqual(state);
  } finally {
    await removeScene(own);
  }
});
