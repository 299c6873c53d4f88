// Packages that others made, got through the machine's own package tools, imported, and then installed by their stock clients from the
// store, with every check on: what an import publishes is as good as what a bake does.

import { readFileSync } from "node:fs";
import { cp, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";

import { type DebianRoot, makeDebianRoot } from "../fixtures/debian-root.ts";
import { emptyScene, kiln, kilnDone, removeScene, type Scene } from "../fixtures/scene.ts";
import { files, serve, type WebServer } from "../stores/web-server.ts";

let scene: Scene;
let debian: DebianRoot;
let server: WebServer;
let vendor: string;

beforeAll(async () => {
  scene = emptyScene();
  vendor = join(scene.root, "vendor");
  await mkdir(vendor);
  const making = makeDebianRoot("bookworm");
  making.catch(() => undefined);
  await execa("apt-get", ["download", "hello"], { cwd: vendor });
  await execa("pip3", ["download", "--quiet", "--no-deps", "--no-binary=:all:", "six==1.16.0"], { cwd: vendor });
  await execa("pip3", ["download", "--quiet", "--no-deps", "six==1.16.0"], { cwd: vendor });
  await execa("npm", ["pack", "--silent", "ms@2.1.3"], { cwd: vendor });
  await vendorRpm();
  await kilnDone(scene, ["store", "create", scene.store, "--origin", "kiln.test"]);
  const packages = (await readdir(vendor)).map((file) => join(vendor, file));
  await kilnDone(scene, ["publish", ...packages, "--channel", "vendor", "--origin-note", "from the vendors"]);
  server = await serve(files(scene.store));
  debian = await making;
  await cp(join(scene.store, "trust/openpgp.asc"), join(debian.path, "etc/apt/keyrings/kiln.asc"), { recursive: true });
  await debian.run(["sh", "-c", "rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*"]);
}, 600_000);

afterAll(async () => {
  await server.close();
  await debian.remove();
  await removeScene(scene);
});

/** As a vendor makes one: another payload than Kiln's, signed with a key that nobody here knows. */
async function vendorRpm(): Promise<void> {
  const top = join(scene.root, "rpm");
  await mkdir(top);
  const spec = [
    "Name: tool\nVersion: 2.1\nRelease: 7.vendor\nEpoch: 1\nSummary: a tool\nLicense: MIT\nBuildArch: noarch\nRequires: bash",
    "%description\nA tool.",
    "%install\nmkdir -p %{buildroot}/usr/bin\necho '#!/bin/sh' > %{buildroot}/usr/bin/tool",
    "%files\n%attr(755,root,root) /usr/bin/tool\n",
  ].join("\n\n");
  await writeFile(join(top, "tool.spec"), spec);
  const macros = ["--define", `_topdir ${top}`, "--define", "_binary_payload w6.gzdio", "--define", `_rpmdir ${top}`];
  await execa("rpmbuild", ["-bb", "--quiet", ...macros, join(top, "tool.spec")]);
  const made = join(top, "noarch/tool-2.1-7.vendor.noarch.rpm");
  const home = join(scene.root, "gnupg");
  await mkdir(home, { mode: 0o700 });
  const env = { GNUPGHOME: home };
  const key = ["--batch", "--passphrase", "", "--quick-generate-key", "vendor@vendor.test", "rsa3072", "sign", "never"];
  await execa("gpg", key, { env });
  await execa(
    "rpmsign",
    ["--addsign", "--define", "_gpg_name vendor@vendor.test", "--define", "__gpg /usr/bin/gpg", made],
    { env },
  );
  await execa("gpgconf", ["--kill", "all"], { env });
  expect((await execa("rpm", ["-K", "-v", made], { reject: false })).stdout).toContain("Signature");
  await cp(made, join(vendor, "tool.rpm"));
}

test("every release says that it was imported, from where, and nothing of a build", async () => {
  const { stdout } = await kiln(scene, ["show", "six@1.16.0", "--json"]);
  const shown = JSON.parse(stdout) as {
    source: { commit: null };
    imported: { note: string; files: { name: string }[] };
  };
  expect(shown.source.commit).toBeNull();
  expect(shown.imported.note).toBe("from the vendors");
  expect(shown.imported.files.map(({ name }) => name).toSorted()).toEqual([
    "six-1.16.0-py2.py3-none-any.whl",
    "six-1.16.0.tar.gz",
  ]);
  expect((await kiln(scene, ["show", "six@1.16.0"])).stdout).toContain("  imported  from the vendors");
  expect((await kiln(scene, ["verify", "six@1.16.0"])).stdout).toContain("imported");
  const { stdout: audit } = await kiln(scene, ["audit"]);
  expect(audit).toContain("verified:");
  expect(audit).toContain("releases  4");
});

test("apt installs a vendor's .deb", async () => {
  const uri = `Types: deb\nURIs: ${server.url}\nSuites: vendor\nComponents: main\nSigned-By: /etc/apt/keyrings/kiln.asc\n`;
  await writeFile(join(debian.path, "etc/apt/sources.list.d/kiln.sources"), uri);
  await debian.run(["apt-get", "update", "--error-on=any"]);
  await debian.run(["apt-get", "install", "--yes", "hello"]);
  expect(await debian.run(["hello"])).toContain("Hello");
});

test("a vendor's .rpm is signed by the store's key instead, and says what it was", async () => {
  const { stdout } = await kiln(scene, ["show", "tool@1!2.1-7.vendor", "--json"]);
  const { artifacts, imported } = JSON.parse(stdout) as {
    artifacts: [{ key: string; native: { key: string } }];
    imported: { files: [{ name: string; sha256: string }] };
  };
  const own = await execa("sha256sum", [join(vendor, "tool.rpm")]);
  expect(imported.files[0]).toMatchObject({ name: "tool.rpm", sha256: own.stdout.split(" ")[0] });
  const database = join(scene.root, "rpmdb");
  await execa("rpmkeys", ["--dbpath", database, "--import", join(scene.store, "trust/openpgp.asc")]);
  const signed = join(scene.store, artifacts[0].native.key);
  const checked = await execa("rpmkeys", ["--dbpath", database, "-K", "-v", signed]);
  expect(checked.stdout).toMatch(/Signature.*: OK/);
  expect(checked.stdout).not.toContain("NOKEY");
  const header = (path: string) =>
    execa("rpm", ["-qp", "--nosignature", "--qf", "%{SHA256HEADER} %{PAYLOADDIGEST}", path]);
  expect((await header(signed)).stdout).toBe((await header(join(vendor, "tool.rpm"))).stdout);
  const root = join(scene.root, "rpmroot");
  await execa("rpm", ["--root", root, "--dbpath", "/db", "--import", join(scene.store, "trust/openpgp.asc")]);
  const policy = ["--define", "_pkgverify_level all"];
  await execa("rpm", ["--root", root, "--dbpath", "/db", ...policy, "--nodeps", "-i", signed]);
  expect(readFileSync(join(root, "usr/bin/tool"), "utf8")).toBe("#!/bin/sh\n");
});

test("what is damaged is refused as a whole: nothing of the batch is published", async () => {
  const damaged = join(scene.root, "damaged.deb");
  const deb = (await readdir(vendor)).find((file) => file.endsWith(".deb")) ?? "";
  await writeFile(damaged, readFileSync(join(vendor, deb)).subarray(0, 4000));
  await execa("npm", ["pack", "--silent", "ms@2.1.2"], { cwd: scene.root });
  const refused = await kiln(scene, ["publish", join(scene.root, "ms-2.1.2.tgz"), damaged]);
  expect(refused).toMatchObject({ end: 1 });
  expect(refused.stderr).toContain("damaged.deb: got a package that is cut off [IMPORT_REFUSED]");
  expect((await kiln(scene, ["show", "ms@2.1.2"])).end).toBe(1);
});
