// recipes/rpm-tool as its users have it: published, and installed by dnf with gpgcheck=1 into a root that holds nothing, with
// the key that `kiln keys export` gives. The only other package there is one of a shell and what scripts need, baked here too.

import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { commit, emptyScene, git, kiln, kilnDone, removeScene, type Scene } from "../fixtures/scene.ts";

interface Shown {
  readonly artifacts: readonly {
    readonly key: string;
    readonly sha256: string;
    readonly size: number;
    readonly native: { readonly key: string; readonly sha256: string; readonly size: number };
  }[];
}

let scene: Scene;
let keyFile: string;
/** Version → the release's only artifact. */
const shown = new Map<string, Shown["artifacts"][number]>();

const machine = process.arch === "arm64" ? "aarch64" : "x86_64";
const isolation = { env: { KILN_ISOLATION: undefined } };

/** Accounts in plain files, as the real programs would leave them. */
const accounts = {
  "getent.sh": '#!/bin/sh\nexec grep "^$2:" "/etc/$1"\n',
  "groupadd.sh": '#!/bin/sh\nfor name; do :; done\necho "$name:x:901:" >> /etc/group\n',
  "useradd.sh": '#!/bin/sh\nfor name; do :; done\necho "$name:x:900:901::/:/bin/false" >> /etc/passwd\n',
  "users.txt": "root:x:0:0::/root:/bin/sh\n",
  "groups.txt": "root:x:0:\n",
};

const base = `kiln: 1
name: small-system
version: { from: static, value: 1.0.0 }
build: ["cp /usr/bin/busybox busybox && chmod +x busybox *.sh"]
artifacts:
  base:
    kind: rpm
    license: GPL-2.0-only
    automatic: false
    provides: [coreutils, gawk]
    files:
      /bin/busybox: busybox
${["sh", "grep", "mv", "cat", "awk", "df", "rm"].map((name) => `      /bin/${name}: { link: busybox }\n`).join("")}\
      /usr/bin/awk: { link: /bin/busybox }
      /usr/bin/getent: getent.sh
      /usr/sbin/useradd: useradd.sh
      /usr/sbin/groupadd: groupadd.sh
      /etc/passwd: users.txt
      /etc/group: groups.txt
`;

beforeAll(async () => {
  scene = emptyScene();
  keyFile = join(scene.root, "key.asc");
  await git(scene, "init", "--quiet", "--initial-branch", "main");
  await commit(scene, { "kiln.yaml": base, ".gitignore": ".kiln/\n", ...accounts });
  await kilnDone(scene, ["store", "create", scene.store, "--origin", "kiln.test"]);
  await publish("small-system", "1.0.0");
  cpSync(join(import.meta.dirname, "../../recipes/rpm-tool"), scene.project, { recursive: true });
  await commit(scene, {});
  await git(scene, "tag", "v1.4.0");
  await publish("roomleft", "1.4.0");
  await commit(scene, { "roomleft.conf": "# Another default.\nleast=20\n" });
  await git(scene, "tag", "v1.5.0");
  await publish("roomleft", "1.5.0");
  const { stdout } = await kilnDone(scene, ["keys", "export", "--openpgp"]);
  writeFileSync(keyFile, stdout);
}, 300_000);
afterAll(() => removeScene(scene));

async function publish(name: string, version: string): Promise<void> {
  await kilnDone(scene, ["publish"], isolation);
  shown.set(`${name} ${version}`, (await show(name, version)).artifacts[0]!);
}

async function show(name: string, version: string): Promise<Shown> {
  return JSON.parse((await kilnDone(scene, ["show", `${name}@${version}`, "--json"])).stdout) as Shown;
}

const inStore = (key: string): string => join(scene.store, key);

/** A repository of these packages, and what dnf needs to use it. `key`: what it trusts. */
function repository(name: string, packages: readonly string[], key = keyFile): { repo: string; conf: string } {
  const repo = join(scene.root, name);
  mkdirSync(repo);
  for (const path of packages) cpSync(path, join(repo, basename(path)));
  execFileSync("createrepo_c", ["--quiet", repo]);
  const conf = join(scene.root, `${name}.conf`);
  writeFileSync(
    conf,
    `[main]\ngpgcheck=1\nlocalpkg_gpgcheck=1\nreposdir=/nonexistent\nplugins=0\n` +
      `[kiln]\nname=kiln\nbaseurl=file://${repo}\ngpgcheck=1\nrepo_gpgcheck=0\ngpgkey=file://${key}\n`,
  );
  return { repo, conf };
}

function dnf(root: string, conf: string, ...args: string[]) {
  const options = ["--installroot", root, "--config", conf, "--releasever=1", "--assumeyes"];
  const { status, stdout, stderr } = spawnSync("dnf", [...options, ...args], { encoding: "utf8" });
  return { status, said: stdout + stderr };
}

function inRoot(root: string, ...argv: string[]): string {
  return execFileSync("/usr/sbin/chroot", [root, ...argv], { encoding: "utf8", env: { PATH: "/usr/bin:/bin" } });
}

const signed = (release: string): string => inStore(shown.get(release)!.native.key);

test("dnf installs the signed packages into an empty root, runs their scripts, and they run", () => {
  const root = join(scene.root, "root");
  const first = repository("first", [signed("small-system 1.0.0"), signed("roomleft 1.4.0")]);
  const installed = dnf(root, first.conf, "install", "roomleft");
  expect(installed.status, installed.said).toBe(0);
  expect(inRoot(root, "/usr/bin/roomleft", "--version")).toBe("roomleft 1.4.0\n");
  // The user was made before the folder was unpacked that belongs to it.
  expect(readFileSync(join(root, "etc/passwd"), "utf8")).toContain("roomleft:x:900:");
  const { uid, gid, mode } = statSync(join(root, "var/lib/roomleft"));
  expect({ uid, gid, mode: mode & 0o777 }).toEqual({ uid: 900, gid: 901, mode: 0o750 });
  expect(readFileSync(join(root, "usr/lib/systemd/system-preset/80-roomleft.preset"), "utf8")).toBe(
    "enable roomleft.timer\n",
  );

  const settings = join(root, "etc/roomleft.conf");
  writeFileSync(settings, "least=5\n");
  writeFileSync(join(root, "var/lib/roomleft.state"), "old");
  const second = repository("second", [signed("small-system 1.0.0"), signed("roomleft 1.5.0")]);
  const upgraded = dnf(root, second.conf, "upgrade");
  expect(upgraded.status, upgraded.said).toBe(0);
  expect(inRoot(root, "/usr/bin/roomleft", "--version")).toBe("roomleft 1.5.0\n");
  expect(readFileSync(settings, "utf8")).toBe("least=5\n");
  expect(readFileSync(`${settings}.rpmnew`, "utf8")).toContain("least=20");
  expect(readFileSync(join(root, "var/lib/roomleft/state"), "utf8")).toBe("old");

  const removed = dnf(root, second.conf, "remove", "roomleft");
  expect(removed.status, removed.said).toBe(0);
  expect(readFileSync(`${settings}.rpmsave`, "utf8")).toBe("least=5\n");
}, 240_000);

test("rpm itself finds the signature good by the exported key, and header and payload whole", () => {
  const db = join(scene.root, "db");
  mkdirSync(db);
  execFileSync("rpmkeys", ["--dbpath", db, "--import", keyFile]);
  const said = execFileSync("rpmkeys", ["--dbpath", db, "--checksig", "--verbose", signed("roomleft 1.4.0")], {
    encoding: "utf8",
  });
  expect(said).toMatch(/Header V4 RSA\/SHA256 Signature, key ID [0-9a-f]{8}: OK/);
  expect(said).not.toMatch(/BAD|NOKEY|NOTFOUND|MISSING/);
  const { sha256, size, native } = shown.get("roomleft 1.4.0")!;
  expect(native.sha256).not.toBe(sha256);
  expect(native.size).toBe(size);
});

test.each([
  [
    "as it was baked",
    "small-system-1.0.0-1.x86_64.rpm is not signed",
    () => inStore(shown.get("small-system 1.0.0")!.key),
  ],
  ["with a byte of its payload changed", "Problem opening package", () => changed(signed("small-system 1.0.0"))],
])("dnf refuses a package %s", (what, says, path) => {
  const { conf } = repository(what.replaceAll(" ", "-"), [path()]);
  const { status, said } = dnf(join(scene.root, `root-${what}`), conf, "install", "small-system");
  expect(said).toContain(says.replace("x86_64", machine));
  expect(said).toContain("GPG check FAILED");
  expect(status).toBe(1);
});

test("dnf refuses a package that another key signed than the one it was given", async () => {
  await kilnDone(scene, ["keys", "create", "--origin", "other.test"]);
  const other = join(scene.root, "other.asc");
  writeFileSync(other, (await kilnDone(scene, ["keys", "export", "--origin", "other.test", "--openpgp"])).stdout);
  const { conf } = repository("other", [signed("small-system 1.0.0")], other);
  const { status, said } = dnf(join(scene.root, "root-other"), conf, "install", "small-system");
  expect(said).toContain("GPG check FAILED");
  expect(status).toBe(1);
});

function changed(path: string): string {
  const bytes = readFileSync(path);
  bytes[bytes.length - 100]! ^= 1;
  const copy = join(scene.root, basename(path));
  writeFileSync(copy, bytes);
  return copy;
}

test("kiln verifies and audits the signed package; a publish of the same bake signs nothing again", async () => {
  await git(scene, "checkout", "--quiet", "v1.4.0");
  await kilnDone(scene, ["publish"], isolation);
  expect((await show("roomleft", "1.4.0")).artifacts[0]?.native).toEqual(shown.get("roomleft 1.4.0")?.native);
  await kilnDone(scene, ["verify", "roomleft@1.4.0"]);
  // As a user has it who got it from a repository: what is known of it is known of the baked one.
  const file = await kilnDone(scene, ["verify", signed("roomleft 1.4.0"), "--json"]);
  const { sha256, native } = shown.get("roomleft 1.4.0")!;
  expect(JSON.parse(file.stdout)).toMatchObject({ verdict: "verified", sha256: native.sha256, baked: sha256 });
  expect((await kiln(scene, ["verify", changed(signed("roomleft 1.4.0"))])).end).toBe(3);
  expect((await kilnDone(scene, ["audit"])).stdout).not.toMatch(/OBJECT_UNUSED|error:/);
  const path = signed("roomleft 1.4.0");
  const bytes = readFileSync(path);
  bytes[bytes.length - 100]! ^= 1;
  rmSync(path);
  writeFileSync(path, bytes);
  const { end, stdout } = await kiln(scene, ["verify", "roomleft@1.4.0"]);
  expect({ end, stdout }).toEqual({ end: 3, stdout: expect.stringContaining("[DIGEST_MISMATCH]") as string });
}, 120_000);
