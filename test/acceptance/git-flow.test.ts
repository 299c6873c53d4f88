// recipes/git-flow on a repository with all five sorts of branch and tags, by the real command line: each ref has its version and
// its channel, and dpkg sorts what was baked in the order of the flow.

import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";

const top = join(import.meta.dirname, "../..");
let work: string;
let project: string;

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "kiln-flow-"));
  project = join(work, "week");
  await cp(join(top, "recipes/git-flow"), project, { recursive: true });
  await kiln("store", "create", join(work, "store"), "--origin", "log.example");
});
afterAll(() => rm(work, { recursive: true }));

const env = () => ({
  XDG_CONFIG_HOME: join(work, "config"),
  KILN_STORE: join(work, "store"),
  KILN_PASSPHRASE: "correct horse",
  GIT_CONFIG_GLOBAL: "/dev/null",
});

const run = (...args: string[]) =>
  execa(process.execPath, [join(top, "src/cli.ts"), ...args], { cwd: project, env: env(), reject: false });

async function kiln(...args: string[]): Promise<string> {
  const { stdout, stderr, exitCode } = await run(...args);
  expect(exitCode, stderr).toBe(0);
  return stdout;
}

async function git(...args: string[]): Promise<void> {
  const who = ["-c", "user.name=Baker", "-c", "user.email=baker@example.com"];
  await execa("git", [...who, ...args], { cwd: project, env: env() });
}

async function commit(message: string, version?: string): Promise<void> {
  await writeFile(join(project, "NEWS"), `${message}\n`);
  if (version !== undefined) await writeFile(join(project, "VERSION"), `${version}\n`);
  await git("add", "-A");
  await git("commit", "-qm", message);
}

/** `VERSION CHANNEL`, and the version of the .deb. */
async function publish(ref: string): Promise<{ at: string; deb: string }> {
  const { version, channel, artifacts } = JSON.parse(await kiln("publish", "--ref", ref, "--json")) as {
    version: string;
    channel: string | null;
    artifacts: { name: string; key: string }[];
  };
  const file = artifacts.find(({ name }) => name === "package")?.key ?? "";
  return { at: `${version} ${channel}`, deb: /_(.*)_all\.deb$/.exec(file)?.[1] ?? "" };
}

test("each sort of branch has its version and its channel", { timeout: 600_000 }, async () => {
  await git("init", "-qb", "master");
  await commit("the first", "1.3.0");
  const first = await publish("refs/heads/master");
  expect(first.at).toBe("1.3.0 staging");
  await git("tag", "v1.3.0");
  expect((await publish("refs/tags/v1.3.0")).at).toBe("1.3.0 production");

  await git("checkout", "-qb", "develop");
  await commit("work towards 1.4", "1.4.0");
  const develop = [await publish("refs/heads/develop")];
  await git("checkout", "-qb", "feature/Weeks");
  await commit("weeks");
  const feature = await publish("refs/heads/feature/Weeks");
  expect(feature.at).toMatch(/^1\.4\.0-0\.dev\.2\.g[0-9a-f]{12} branch-feature-weeks-[0-9a-f]{12}$/);
  await git("checkout", "-q", "develop");
  await git("merge", "-q", "--no-ff", "-m", "merge weeks", "feature/Weeks");
  develop.push(await publish("refs/heads/develop"));
  expect(develop.map(({ at }) => at)).toEqual(["1.4.0-alpha.1 develop", "1.4.0-alpha.2 develop"]);

  await git("checkout", "-qb", "release/1.4.0");
  await commit("ready");
  const candidate = await publish("refs/heads/release/1.4.0");
  expect(candidate.at).toMatch(/^1\.4\.0-rc\.1 branch-release-1\.4\.0-[0-9a-f]{12}$/);

  await git("checkout", "-q", "master");
  await git("checkout", "-qb", "hotfix/leap");
  await commit("mended", "1.3.1");
  const hotfix = await publish("refs/heads/hotfix/leap");
  expect(hotfix.at).toMatch(/^1\.3\.1-rc\.1 branch-hotfix-leap-[0-9a-f]{12}$/);
  await git("checkout", "-q", "master");
  await git("merge", "-q", "--no-ff", "-m", "merge leap", "hotfix/leap");
  const mended = await publish("refs/heads/master");
  expect(mended.at).toBe("1.3.1 staging");

  await git("merge", "-q", "--no-ff", "-X", "theirs", "-m", "merge 1.4.0", "release/1.4.0");
  const release = await publish("refs/heads/master");
  expect(release.at).toBe("1.4.0 staging");
  await git("tag", "v1.4.0");
  expect((await publish("refs/tags/v1.4.0")).at).toBe("1.4.0 production");

  // Rising all the way, as apt sees it.
  const order = [first, hotfix, mended, feature, ...develop, candidate, release].map(({ deb }) => deb);
  for (const [at, deb] of order.slice(1).entries()) {
    await execa("dpkg", ["--compare-versions", order[at] ?? "", "lt", deb]);
  }
});

test("a ref that no rule is for has no version, and a release isn't made twice", { timeout: 120_000 }, async () => {
  await git("checkout", "-qb", "elsewhere");
  await commit("somewhere");
  const refused = await run("publish");
  expect(refused.stderr).toContain(
    "version: got refs/heads/elsewhere, want a ref that one of the recipe's rules is for",
  );
  expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("[VERSION_UNRESOLVED]") });
  await git("checkout", "-q", "master");
  await commit("VERSION says 1.4.0 still");
  expect((await run("publish")).stderr).toContain("[IMMUTABLE_CONFLICT]");
  await git("checkout", "-qb", "release/late");
  expect((await run("publish")).stderr).toContain("got 1.4.0 published already");
});
