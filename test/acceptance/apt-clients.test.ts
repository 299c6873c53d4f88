// A channel with components and architectures, and its validity, for whoever mirrors or bootstraps from it: debmirror, aptly, reprepro,
// apt-mirror, debootstrap and mmdebstrap, each with its own check of signatures on, from a web server and from a bucket.

import { existsSync, readFileSync } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { PutBucketPolicyCommand, S3Client } from "@aws-sdk/client-s3";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";

import { aptOptions, debmirror, debootstrap, mmdebstrap } from "../fixtures/apt-clients.ts";
import {
  commit,
  emptyScene,
  git,
  kiln,
  kilnDone,
  recipe,
  removeScene,
  type Scene,
  staticVersion,
} from "../fixtures/scene.ts";
import { credentials, startS3Server } from "../stores/s3-server.ts";
import { files, serve, type WebServer } from "../stores/web-server.ts";

let scene: Scene;
let server: WebServer;
/** The store's OpenPGP key: armored, and as gpgv wants it. */
let keys: { readonly armored: string; readonly binary: string };
let env: Record<string, string>;

beforeAll(async () => {
  scene = emptyScene();
  await git(scene, "init", "--quiet", "--initial-branch", "main");
  await kilnDone(scene, ["store", "create", scene.store, "--origin", "kiln.test", "--valid-for", "1s"]);
  server = await serve(files(scene.store));
  keys = { armored: join(scene.root, "kiln.asc"), binary: join(scene.root, "kiln.gpg") };
  await writeFile(keys.armored, await readFile(join(scene.store, "trust/openpgp.asc")));
  const home = join(scene.root, "gnupg");
  await mkdir(home, { mode: 0o700 });
  env = {
    HOME: scene.root,
    GNUPGHOME: home,
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    LC_ALL: "C",
  };
  await run("gpg", "--dearmor", "--output", keys.binary, keys.armored);
  await run("gpg", "--import", keys.armored);
  await commit(scene, { "kiln.yaml": bake("1.0.0"), version: "1.0.0\n" });
  await kilnDone(scene, ["publish"]);
}, 300_000);

afterAll(async () => {
  await server.close();
  await removeScene(scene);
});

/** Packages of two components, for all architectures and for one. */
function bake(version: string): string {
  const common = "kind: deb, license: MIT";
  return recipe({
    name: "hello",
    version: staticVersion(version),
    artifacts: `
  hello: { ${common}, priority: required, files: { /usr/share/hello/version: version } }
  apt: { ${common}, package: apt, files: { /usr/share/no-apt/version: version } }
  extra: { ${common}, package: hello-extra, component: contrib, files: { /usr/share/hello-extra/version: version } }
  arm: { ${common}, package: hello-arm, architecture: arm64, files: { /usr/share/hello-arm/version: version } }`,
    activate: "{}",
  });
}

async function run(program: string, ...args: readonly string[]): Promise<string> {
  const { all } = await execa(program, args, { env, extendEnv: false, all: true, stdin: "ignore" });
  return all;
}

/** What `apt-get update` says in a world of its own, with every check on; throws unless it ends as wanted. */
async function aptUpdate(uri: string, status = 0): Promise<string> {
  const folder = join(scene.root, "apt");
  await rm(folder, { recursive: true, force: true });
  const options = await aptOptions(folder, ["amd64", "arm64"]);
  const source = `deb [arch=amd64,arm64 signed-by=${keys.armored}] ${uri} staging main contrib\n`;
  await writeFile(join(folder, "sources.list"), source);
  const { all, exitCode } = await execa("apt-get", [...options, "update", "--error-on=any"], {
    env: { ...env, APT_CONFIG: "/dev/null" },
    extendEnv: false,
    all: true,
    reject: false,
  });
  expect(all, all).toSatisfy(() => exitCode === status);
  return all;
}

test("apt refuses a list that has expired, and so does the audit; `kiln refresh` signs it anew without a leaf", async () => {
  await sleep(2000);
  expect(await aptUpdate(server.url, 100)).toContain("expired");
  const found = JSON.parse((await kiln(scene, ["audit", "--json"])).stdout) as { findings: { code: string }[] };
  expect(found.findings.map(({ code }) => code)).toEqual(["VIEW_EXPIRED"]);

  const trust = JSON.parse(readFileSync(scene.trustFile, "utf8")) as {
    validity: { channels: string[]; time: string }[];
  };
  trust.validity = [
    { channels: ["other"], time: "1s" },
    { channels: ["*"], time: "14d" },
  ];
  await writeFile(scene.trustFile, JSON.stringify(trust));
  const suite = join(scene.store, "dists/staging");
  const before = {
    checkpoint: readFileSync(join(scene.store, "log/checkpoint")),
    release: readFileSync(join(suite, "Release"), "utf8"),
  };
  expect(JSON.parse((await kiln(scene, ["refresh", "--json"])).stdout)).toMatchObject({ channels: ["staging"] });
  expect(readFileSync(join(scene.store, "log/checkpoint")).equals(before.checkpoint)).toBe(true);
  const release = readFileSync(join(suite, "Release"), "utf8");
  const dates = (text: string) =>
    [text.match(/^Date: (.*)$/m)?.[1], text.match(/^Valid-Until: (.*)$/m)?.[1]].map((date) => Date.parse(date ?? ""));
  const [date = 0, until = 0] = dates(release);
  expect(date).toBeGreaterThan(dates(before.release)[0] ?? 0);
  expect(until - date).toBe(14 * 86_400_000);
  expect(release.split("SHA256:")[1]).toBe(before.release.split("SHA256:")[1]);
  expect(await aptUpdate(server.url)).toContain("staging/contrib amd64 Packages");
  await kilnDone(scene, ["audit"]);
});

test("a publisher whose clock is off the store's is refused", async () => {
  const { end, stderr } = await kiln(scene, ["refresh"], { wrapper: ["datefudge", "-s", "2020-01-01"] });
  expect(end, stderr).toBe(1);
  expect(stderr).toContain("CLOCK_WRONG");
});

test("each component and architecture has its index, and a package for all stands in each of its component", async () => {
  const packages = async (path: string) => {
    const { stdout } = await execa("xz", ["-dc", join(scene.store, "dists/staging", path, "Packages.xz")]);
    return [...stdout.matchAll(/^Package: (.*)$/gm)].map(([, name]) => name);
  };
  expect(await packages("main/binary-amd64")).toEqual(["apt", "hello"]);
  expect(await packages("main/binary-arm64")).toEqual(["apt", "hello", "hello-arm"]);
  expect(await packages("contrib/binary-amd64")).toEqual(["hello-extra"]);
});

test("by-hash keeps what the last states named, and each state names the one before", async () => {
  await commit(scene, { "kiln.yaml": bake("1.1.0"), version: "1.1.0\n" });
  await kilnDone(scene, ["publish"]);
  const suite = join(scene.store, "dists/staging");
  const digest = /^Kiln-State: (.*)$/m.exec(readFileSync(join(suite, "Release"), "utf8"))?.[1];
  const state = JSON.parse(readFileSync(join(suite, "state", `${digest}.json`), "utf8")) as { before: string };
  const before = JSON.parse(readFileSync(join(suite, "state", `${state.before}.json`), "utf8")) as {
    indexes: Record<string, { files: Record<string, string> }>;
  };
  for (const file of Object.values(before.indexes["amd64"]?.files ?? {})) {
    expect(existsSync(join(suite, "main/binary-amd64/by-hash/SHA256", file))).toBe(true);
  }
});

const staging = (keyring: string) => ({
  url: server.url,
  suite: "staging",
  components: ["main", "contrib"],
  keyring,
});

test("debmirror mirrors it, and apt reads the mirror", async () => {
  const mirror = join(scene.root, "debmirror");
  await run(...debmirror({ ...staging(keys.binary), architectures: ["amd64", "arm64"] }, mirror));
  expect(await aptUpdate(`file:${mirror}`)).toContain("staging/main arm64 Packages");
  expect(await debsBelow(mirror)).toHaveLength(8);
});

test("aptly mirrors it", async () => {
  const configuration = join(scene.root, "aptly.conf");
  await writeFile(configuration, JSON.stringify({ rootDir: join(scene.root, "aptly"), gpgProvider: "gpg" }));
  const aptly = (...args: readonly string[]) => run("aptly", `-config=${configuration}`, ...args);
  await run("gpg", "--no-default-keyring", "--keyring", "trustedkeys.gpg", "--import", keys.armored);
  await aptly("mirror", "create", "-architectures=amd64,arm64", "kiln", server.url, "staging", "main", "contrib");
  expect(await aptly("mirror", "update", "kiln")).toContain("has been successfully updated");
  expect(await aptly("mirror", "show", "-with-packages", "kiln")).toContain("hello-extra_1.1.0_all");
});

test("reprepro pulls from it", async () => {
  const base = join(scene.root, "reprepro");
  await mkdir(join(base, "conf"), { recursive: true });
  const fingerprint = /^fpr:+([0-9A-F]{40}):/m.exec(await run("gpg", "--with-colons", "--list-keys"))?.[1];
  await writeFile(
    join(base, "conf/distributions"),
    "Codename: staging\nArchitectures: amd64 arm64\nComponents: main contrib\nUpdate: kiln\n",
  );
  await writeFile(
    join(base, "conf/updates"),
    `Name: kiln\nMethod: ${server.url}\nSuite: staging\nVerifyRelease: ${fingerprint?.slice(-16)}\n`,
  );
  await run("reprepro", "-b", base, "update");
  expect(await run("reprepro", "-b", base, "list", "staging")).toContain("staging|main|arm64: hello-arm 1.1.0");
});

test("apt-mirror copies it", async () => {
  // It confuses itself with a port and a path behind it.
  const inStore = files(scene.store);
  const top = await serve((request, response, path) => inStore(request, response, `/store${path}`));
  const base = join(scene.root, "apt-mirror");
  for (const folder of ["mirror", "skel", "var"]) await mkdir(join(base, folder), { recursive: true });
  const list = join(base, "mirror.list");
  await writeFile(
    list,
    `set base_path ${base}\nset run_postmirror 0\nset _autoclean 0\ndeb-amd64 ${new URL(top.url).origin} staging main contrib\n`,
  );
  const said = await run("apt-mirror", list);
  await top.close();
  expect(await debsBelow(join(base, "mirror")), said).toHaveLength(6);
});

test("debootstrap downloads what it asks for", async () => {
  const target = join(scene.root, "debootstrap");
  await run(...debootstrap(staging(keys.binary), target, "--include=hello-extra"));
  expect(await debsBelow(target)).toHaveLength(3);
});

test("mmdebstrap unpacks its packages, from a web server and from a bucket that anybody may read", async () => {
  const unpack = async (uri: string, target: string) => {
    await run(...mmdebstrap({ ...staging(keys.armored), url: uri }, target, "hello", "hello-extra"));
    expect(await readFile(join(target, "usr/share/hello-extra/version"), "utf8")).toBe("1.1.0\n");
    expect(await readFile(join(target, "usr/share/hello/version"), "utf8")).toBe("1.1.0\n");
  };
  await unpack(server.url, join(scene.root, "mmdebstrap"));

  const s3 = await startS3Server("versitygw");
  try {
    const url = await s3.makeBucket();
    await letAnybodyRead(s3.endpoint, "bucket-1");
    const options = { env: { ...credentials, KILN_STORE: url } };
    await kilnDone(scene, ["store", "create", url, "--origin", "kiln.test"], options);
    await kilnDone(scene, ["publish"], options);
    await unpack(`${s3.endpoint}/bucket-1/stores/one`, join(scene.root, "mmdebstrap-s3"));
  } finally {
    await s3.stop();
  }
});

async function letAnybodyRead(endpoint: string, bucket: string): Promise<void> {
  const own = { accessKeyId: credentials.AWS_ACCESS_KEY_ID, secretAccessKey: credentials.AWS_SECRET_ACCESS_KEY };
  const client = new S3Client({ endpoint, region: credentials.AWS_REGION, forcePathStyle: true, credentials: own });
  const reading = { Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: `arn:aws:s3:::${bucket}/*` };
  const Policy = JSON.stringify({ Version: "2012-10-17", Statement: [reading] });
  await client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy }));
  client.destroy();
}

async function debsBelow(folder: string): Promise<string[]> {
  return (await readdir(folder, { recursive: true })).filter((name) => name.endsWith(".deb"));
}
