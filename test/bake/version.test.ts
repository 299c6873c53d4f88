// A version that a format can't have is refused when the bake is planned, before anything runs.

import { expect, test } from "vitest";

import { makeProject } from "./made-project.ts";

const project = (version: string) => {
  const made = makeProject({
    recipe: "artifacts: { app: { kind: archive, from: . } }\n",
    files: { "package.json": JSON.stringify({ name: "a", version: "0.0.0" }) },
  });
  made.repository.commit({
    "kiln.yaml": `kiln: 1\nname: a\nversion: ${version}\nbuild: [touch a]\nartifacts: { app: { kind: archive, from: . }, lib: { kind: npm } }\n`,
  });
  return made;
};

test("it names the format", async () => {
  await expect(project('{ from: static, value: "2026.11" }').prepare({}, () => Promise.resolve())).rejects.toThrow(
    expect.objectContaining({
      code: "VERSION_UNMAPPABLE",
      message: "version for npm: got 2026.11, want MAJOR.MINOR.PATCH, as in 1.2.3 or 1.2.0-rc.1",
      hint: expect.stringContaining("`lossy`"),
    }),
  );
});

test("the recipe may allow the loss, for the formats that it names", async () => {
  const lossy = project('{ from: static, value: "2026.11", lossy: [npm] }');
  const { manifest } = await lossy.bake();
  expect(manifest.version).toBe("2026.11");
  expect(manifest.artifacts.map(({ file }) => file).toSorted()).toEqual(["a-2026.11.0.tgz", "a-app-2026.11.tar.zst"]);
  const other = project('{ from: static, value: "2026.11", lossy: [deb] }');
  await expect(other.prepare({}, () => Promise.resolve())).rejects.toThrow(
    expect.objectContaining({ code: "VERSION_UNMAPPABLE" }),
  );
});
