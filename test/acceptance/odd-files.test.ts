// Files whose names are odd, in an archive, from the commit to the host: they arrive as they were, or are refused by name.

import { chmod, mkdir, readFile, readlink, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { contentsOf } from "../fixtures/contents.ts";
import {
  staticVersion,
  commit,
  copyScene,
  expectRefused,
  kiln,
  kilnDone,
  makeScene,
  recipe,
  removeScene,
  type Scene,
} from "../fixtures/scene.ts";

let scene: Scene;
beforeAll(async () => void (scene = await makeScene()));
afterAll(() => removeScene(scene));

const odd: readonly string[] = [
  "a space",
  " leading and trailing ",
  "new\nline",
  "tab\tand\rreturn",
  `quotes "double" 'single' \`back\``,
  "-leading-dash",
  "--checkpoint-action=exec=touch evil",
  "$(touch evil); | & < > *",
  "back\\slash",
  "ünïcode ✓ 日本語 🙂",
  "decomposed e\u0301",
  "\u001b[31mred\u001b[0m\u0007",
  "...",
  ".hidden",
  "~",
  "#",
  "%2e%2e%2f",
  "CON.txt",
  "x".repeat(255),
  "é".repeat(127),
  `${"deep/".repeat(60)}file`,
];

test("files with odd names are baked, published, verified and deployed as they are", async () => {
  const own = await copyScene(scene);
  try {
    const version = staticVersion("2.0.0");
    await commit(own, {
      "kiln.yaml": recipe({ version, artifacts: '{ app: { kind: archive, from: "odd files" } }' }),
      ...Object.fromEntries(odd.map((name, at) => [`odd files/${name}`, `content ${at}\n`])),
    });
    await chmod(join(own.project, "odd files/-leading-dash"), 0o755);
    await symlink("new\nline", join(own.project, "odd files/link to a\nnew line"));
    await commit(own, {});
    await kilnDone(own, ["bake", "--twice"]);
    await kilnDone(own, ["publish"]);
    await kilnDone(own, ["verify", "app@2.0.0"]);
    await kilnDone(own, ["deploy", "app:staging"]);
    const current = join(own.host, "app/current");
    for (const [at, name] of odd.entries()) {
      expect(await readFile(join(current, name), "utf8"), name).toBe(`content ${at}\n`);
    }
    expect((await stat(join(current, "-leading-dash"))).mode & 0o777).toBe(0o755);
    expect(await readlink(join(current, "link to a\nnew line"))).toBe("new\nline");
  } finally {
    await removeScene(own);
  }
});

test("a file whose name isn't UTF-8 is refused by name, and nothing is published", async () => {
  const own = await copyScene(scene);
  try {
    await mkdir(join(own.project, "files"), { recursive: true });
    await writeFile(Buffer.concat([Buffer.from(join(own.project, "files/latin-")), Buffer.of(0xe9)]), "");
    await commit(own, {});
    const before = await contentsOf(own.store, [".tmp"]);
    expectRefused(await kiln(own, ["publish"]), {
      status: 1,
      code: /^(?:ARTIFACT_INVALID|SOURCE_UNSUPPORTED)$/,
      says: "latin-",
    });
    expect(await contentsOf(own.store, [".tmp"])).toEqual(before);
  } finally {
    await removeScene(own);
  }
});

test.each([
  ["every sign that a version may have", "app", "1.0+a~b!c_d-e"],
  ["the longest name and version", "n".repeat(100), "1".repeat(120)],
])("%s: the artifact's file name is plain, and goes all the way", async (_, name, version) => {
  const own = await copyScene(scene);
  try {
    const activate = "{ app: { with: directory } }";
    const artifacts =
      name === "app" ? {} : { artifacts: `{ ${name}: { kind: archive, from: files } }`, activate: "{}" };
    const source = staticVersion(version);
    await commit(own, { "kiln.yaml": recipe({ name, version: source, activate, ...artifacts }) });
    const { stdout } = await kilnDone(own, ["publish", "--json"]);
    const published = JSON.parse(stdout) as { artifacts: { key: string }[] };
    expect(published.artifacts[0]?.key).toMatch(/^pool\/sha256\/[0-9a-f]{2}\/[0-9a-f]{64}\/[0-9A-Za-z._+~!-]+$/);
    await kilnDone(own, ["verify", join(own.store, published.artifacts[0]?.key ?? "")]);
    await kilnDone(own, ["verify", `${name}@${version}`]);
    await kilnDone(own, ["deploy", `${name}:staging`]);
  } finally {
    await removeScene(own);
  }
});

test("an artifact's file name that would be too long is refused", async () => {
  const own = await copyScene(scene);
  try {
    const artifacts = `{ ${"a".repeat(100)}: { kind: archive, from: files } }`;
    const version = staticVersion("1".repeat(120));
    await commit(own, { "kiln.yaml": recipe({ version, artifacts, activate: "{}" }) });
    expectRefused(await kiln(own, ["publish"]), { status: 1, code: "ARTIFACT_INVALID", says: "characters" });
  } finally {
    await removeScene(own);
  }
});
