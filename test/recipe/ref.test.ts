import { expect, test } from "vitest";

import { findRef } from "../../src/recipe/ref.ts";
import { findCommit, openRepository } from "../../src/system/git.ts";
import { type MadeRepository, makeRepository, testEnv } from "../system/made-repository.ts";

const signal = new AbortController().signal;

async function refOf(made: MadeRepository, asked?: string, revision = "HEAD"): Promise<string | undefined> {
  const repository = await openRepository(made.folder, { env: testEnv, signal });
  return await findRef(repository, { commit: await findCommit(repository, revision), asked });
}

test("without being asked it is the branch that is checked out, even at a tag", async () => {
  const made = makeRepository();
  made.commit({ a: "1" });
  made.git("tag", "v1.0.0");
  expect(await refOf(made)).toBe("refs/heads/master");
});

test("on a detached head it is the only tag on the commit, or nothing", async () => {
  const made = makeRepository();
  made.commit({ a: "1" });
  made.git("checkout", "--quiet", "--detach");
  expect(await refOf(made)).toBeUndefined();
  made.git("tag", "--annotate", "--message", "x", "v1.0.0");
  expect(await refOf(made)).toBe("refs/tags/v1.0.0");
  made.git("tag", "v1.0.1");
  expect(await refOf(made)).toBeUndefined();
});

test("another commit than the branch's isn't on the branch", async () => {
  const made = makeRepository();
  made.commit({ a: "1" });
  made.commit({ a: "2" });
  expect(await refOf(made, undefined, "HEAD~1")).toBeUndefined();
});

test("what is asked for goes first: a full name, or a short one that is one thing here", async () => {
  const made = makeRepository();
  made.commit({ a: "1" });
  made.git("tag", "v1.0.0");
  expect(await refOf(made, "refs/tags/v1.0.0")).toBe("refs/tags/v1.0.0");
  expect(await refOf(made, "v1.0.0")).toBe("refs/tags/v1.0.0");
  expect(await refOf(made, "master")).toBe("refs/heads/master");
  // CI checks out a detached head: the branch needn't be here.
  expect(await refOf(made, "refs/heads/elsewhere")).toBe("refs/heads/elsewhere");
});

test.each([
  ["both", "USAGE", "say which: --ref refs/heads/both or --ref refs/tags/both"],
  ["none", "USAGE", "say which: --ref refs/heads/none or --ref refs/tags/none"],
  ["refs/heads/", "USAGE", expect.any(String)],
  ["refs/pull/1/merge", "USAGE", expect.any(String)],
  ["--all", "USAGE", expect.any(String)],
  ["", "USAGE", expect.any(String)],
  ["refs/tags/missing", "COMMIT_NOT_FOUND", "git fetch --tags"],
  ["refs/tags/both", "COMMIT_NOT_FOUND", expect.stringContaining("check out the tag")],
])("--ref %j is refused with %s", async (asked, code, hint: unknown) => {
  const made = makeRepository();
  made.commit({ a: "1" });
  made.git("tag", "both");
  made.git("branch", "both");
  made.commit({ a: "2" });
  await expect(refOf(made, asked)).rejects.toThrow(expect.objectContaining({ code, hint }));
});
