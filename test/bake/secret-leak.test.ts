import { expect, test } from "vitest";

import { makeProject } from "./made-project.ts";

const value = "s3cret-value-of-a-token";

function project(build: string, artifact: string, secrets = "[TOKEN]") {
  return makeProject({
    recipe: `fetch: [{ run: ${JSON.stringify(build)}, secrets: ${secrets} }]\nartifacts: { app: ${artifact} }\n`,
    env: { TOKEN: value, SHORT: "abc" },
  });
}

const archive = "{ kind: archive, from: dist }";

test.each([
  ["an archive", 'mkdir dist && cat "$KILN_SECRETS/TOKEN" > dist/conf', archive, "conf"],
  [
    "in the middle of a large file",
    'mkdir dist && { head -c 99990 /dev/zero; cat "$KILN_SECRETS/TOKEN"; head -c 99990 /dev/zero; } > dist/big',
    archive,
    "big",
  ],
  [
    "a package",
    'mkdir dist && cp "$KILN_SECRETS/TOKEN" dist/conf',
    "{ kind: deb, files: { /usr/share/x: dist } }",
    "conf",
  ],
])("an artifact that holds a secret is refused, and the value isn't told: %s", async (_, build, artifact, member) => {
  const error = await project(build, artifact)
    .bake()
    .catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({
    code: "ARTIFACT_INVALID",
    message: expect.stringContaining("the secret TOKEN in ") as string,
  });
  expect(String(error)).toContain(member);
  expect(JSON.stringify(error)).not.toContain(value);
});

test("a secret that stays out of what is packed is no matter, nor one that is too short to tell", async () => {
  const kept =
    'mkdir dist && cp "$KILN_SECRETS/TOKEN" conf && cp "$KILN_SECRETS/TOKEN" "$HOME" && echo abc > dist/x; echo "$(cat $KILN_SECRETS/SHORT)" >> dist/x';
  const { manifest } = await project(kept, archive, "[TOKEN, SHORT]").bake();
  expect(manifest.artifacts).toHaveLength(1);
});
