// The recipes that are shown to users, as their users have them: a repository of its own, baked twice, installed by dpkg
// and by npm, and run.

import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { expect, test } from "vitest";

import { temporaryFolder } from "../system/made-repository.ts";
import { makeProject, type Project } from "./made-project.ts";

function projectOf(recipe: string): Project {
  const project = makeProject({ recipe: "artifacts: { app: { kind: archive, from: . } }\n" });
  cpSync(new URL(`../../recipes/${recipe}`, import.meta.url).pathname, project.repository.folder, { recursive: true });
  project.repository.commit();
  project.repository.git("tag", "v1.4.0");
  return project;
}

test("the tool is installed by dpkg and runs", async () => {
  const { folder, manifest } = await projectOf("tool").bake({ check: "twice" });
  expect(manifest.artifacts.map(({ file }) => file)).toEqual(["keepdays_1.4.0_all.deb"]);
  const root = temporaryFolder();
  execFileSync("dpkg-deb", ["--extract", join(folder, "keepdays_1.4.0_all.deb"), root]);
  const keepdays = (input: string, ...args: string[]) =>
    execFileSync(join(root, "usr/bin/keepdays"), args, { input, encoding: "utf8" });
  expect(keepdays("", "--version")).toBe("keepdays 1.4.0\n");
  const names = ["a-2024-01-02", "b-2024-01-02", "a-2024-01-01"];
  expect(keepdays(names.join("\n"), "--conf", join(root, "etc/keepdays.conf"))).toBe("a-2024-01-02\n");
  expect(execFileSync("gzip", ["-dc", join(root, "usr/share/man/man1/keepdays.1.gz")], { encoding: "utf8" })).toContain(
    "keepdays 1.4.0",
  );
});

test("the daemon runs, and brings its unit, its user, its folders and the C library", async () => {
  const { folder, manifest } = await projectOf("daemon").bake({ check: "twice" });
  const [artifact] = manifest.artifacts;
  expect(artifact?.record["Depends"]).toMatch(/^libc6 \(>= 2\.\d+\), systemd /);
  const root = temporaryFolder();
  execFileSync("dpkg-deb", ["--extract", join(folder, artifact?.file ?? ""), root]);
  expect(execFileSync(join(root, "usr/sbin/spoold"), ["--version"], { encoding: "utf8" })).toBe("spoold 1.4.0\n");
  for (const path of ["systemd/system/spoold.service", "sysusers.d/spoold.conf", "tmpfiles.d/spoold.conf"]) {
    expect(existsSync(join(root, "usr/lib", path)), path).toBe(true);
  }
});

test("the library is installed by npm and imported", async () => {
  const { folder, manifest } = await projectOf("library").bake({ check: "twice" });
  const tarball = join(folder, manifest.artifacts[0]?.file ?? "");
  const user = temporaryFolder();
  mkdirSync(join(user, "home"));
  const env = { PATH: `${dirname(process.execPath)}:${process.env["PATH"]}`, HOME: join(user, "home") };
  execFileSync("npm", ["install", "--offline", "--no-audit", "--prefix", user, tarball], { stdio: "pipe", env });
  const program = join(user, "use.mjs");
  writeFileSync(
    program,
    `import { formatWeekDate, weekDateOf } from "@kiln-examples/week-dates"; console.log(formatWeekDate(weekDateOf(new Date(0))));`,
  );
  expect(execFileSync(process.execPath, [program], { encoding: "utf8" })).toBe("1970-W01-4\n");
});

test("the rpm tool is a package whose files, settings and scripts rpm reads", async () => {
  const { folder, manifest } = await projectOf("rpm-tool").bake({ check: "twice" });
  expect(manifest.artifacts.map(({ file }) => file)).toEqual(["roomleft-1.4.0-1.noarch.rpm"]);
  const query = (...options: string[]) =>
    execFileSync("rpm", ["--query", "--package", ...options, join(folder, "roomleft-1.4.0-1.noarch.rpm")], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
  expect(query("--configfiles")).toBe("/etc/roomleft.conf\n");
  expect(query("--docfiles")).toBe("/usr/share/doc/roomleft/README.md\n");
  expect(query("--scripts")).toContain("100% of it is taken along");
});

test("the library with gates keeps its reports, and Node's own are the same twice", async () => {
  const { folder, manifest } = await projectOf("gated").bake({ check: "twice" });
  expect(manifest.artifacts.map(({ name, record }) => [name, record["numbers"]])).toEqual([
    ["coverage", { lines: 100, branches: expect.any(Number) as number, functions: 100 }],
    ["library", undefined],
    ["tests", { tests: 3, passed: 3, failed: 0, skipped: 0 }],
  ]);
  expect(manifest.checks).toEqual({ "loose-ends": "passed" });
  expect(manifest.gates?.map(({ name }) => name)).toEqual(["coverage", "skipped", "loose-ends"]);
  const [attestation] = manifest.attestations ?? [];
  const statement = JSON.parse(readFileSync(join(folder, attestation?.statement.file ?? ""), "utf8")) as object;
  expect(statement).toMatchObject({
    predicate: {
      result: "PASSED",
      passedTests: [
        "shares.add up, and nobody gets more than a cent too much",
        "shares.are equal as far as cents allow",
        "what can't be divided.is refused",
      ],
    },
  });
});

test("the chart names the archive that is baked with it", async () => {
  const { folder, manifest } = await projectOf("chart").bake({ check: "twice" });
  expect(manifest.artifacts.map(({ file }) => file)).toEqual(["pagehost-1.4.0.tgz", "pagehost-site-1.4.0.tar.zst"]);
  const inside = (path: string) =>
    execFileSync("tar", ["-xzOf", join(folder, "pagehost-1.4.0.tgz"), path], { encoding: "utf8" });
  expect(inside("pagehost/values.yaml")).toContain(`sha256: "${manifest.artifacts[1]?.sha256}"`);
  expect(inside("pagehost/Chart.yaml")).toContain('appVersion: "1.4.0"');
});
