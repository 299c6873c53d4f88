import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

import { expect, test } from "vitest";

import { temporaryFolder } from "../../system/made-repository.ts";
import { contentsOf, controlFile, packDeb, type PackedDeb, type PackOptions, writeFiles } from "./pack.ts";

const unit = "[Unit]\nDescription=x\n[Service]\nExecStart=/usr/bin/x\n";
const install = "[Install]\nWantedBy=multi-user.target\n";

async function pack(
  entry: Readonly<Record<string, unknown>>,
  files: Readonly<Record<string, string | Uint8Array>> = {},
  options: Partial<PackOptions> = {},
): Promise<PackedDeb> {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "source"));
  writeFiles(join(folder, "source"), { file: "content\n", ...files });
  return await packDeb({ files: { "/usr/share/sample/file": "file" }, ...entry }, { folder, ...options });
}

function extracted(path: string): string {
  const folder = join(temporaryFolder(), "root");
  execFileSync("dpkg-deb", ["--raw-extract", path, folder]);
  return folder;
}

test("every relation has its field, in Debian's order", async () => {
  const { path, requires, recommends } = await pack({
    preDepends: ["dpkg (>= 1.21)"],
    depends: ["libsample (= ${version})", "a|b"],
    recommends: ["c"],
    suggests: ["d"],
    enhances: ["e"],
    breaks: ["f (<< 2)"],
    conflicts: ["g"],
    replaces: ["f (<< 2)"],
    provides: ["h (= 1)"],
    multiArch: "foreign",
    priority: "extra",
  });
  expect(controlFile(path, "control")).toContain(
    `Priority: extra
Architecture: all
Multi-Arch: foreign
Maintainer: Unknown <unknown@kiln.invalid>
Installed-Size: 8
Pre-Depends: dpkg (>= 1.21)
Depends: libsample (= 1.0.0), a | b
Recommends: c
Suggests: d
Enhances: e
Breaks: f (<< 2)
Conflicts: g
Replaces: f (<< 2)
Provides: h (= 1)
`,
  );
  expect(requires).toEqual(["pkg:deb/debian/dpkg", "pkg:deb/debian/libsample", "pkg:deb/debian/a"]);
  expect(recommends).toEqual(["pkg:deb/debian/c"]);
});

test("files have the modes that are asked for; links are relative within a top folder; folders may be empty", async () => {
  const { path } = await pack({
    files: {
      "/usr/bin/": "file",
      "/usr/sbin/secret": { from: "file", mode: "4750" },
      "/usr/lib/sample/link": { link: "/usr/bin/file" },
      "/usr/lib/sample/away": { link: "/etc/sample" },
      "/usr/lib/sample/near": { link: "../x/y" },
      "/var/lib/sample": { folder: true, mode: "0700" },
    },
  });
  expect(contentsOf(path)).toMatchObject({
    "./usr/bin/file": "-rw-r--r-- root/root",
    "./usr/sbin/secret": "-rwsr-x--- root/root",
    "./usr/lib/sample/link -> ../../bin/file": "lrwxrwxrwx root/root",
    "./usr/lib/sample/away -> /etc/sample": "lrwxrwxrwx root/root",
    "./usr/lib/sample/near -> ../x/y": "lrwxrwxrwx root/root",
    "./var/lib/sample/": "drwx------ root/root",
  });
});

test("an owner is set when the package is configured, unless the administrator has another", async () => {
  const { path } = await pack({ files: { "/etc/a b": { from: "file", mode: "0640", owner: "root:adm" } } });
  expect(controlFile(path, "postinst")).toContain(`  if ! dpkg-statoverride --list '/etc/a b' >/dev/null; then
    chown --no-dereference root:adm '/etc/a b'
    chmod 0640 '/etc/a b'
  fi`);
});

test("users and folders: what systemd reads, what runs it, and what it needs", async () => {
  const { path } = await pack({
    users: { sample: { comment: "of no use", home: "/var/lib/sample", groups: ["adm"] }, other: {} },
    tmpfiles: ["d /var/lib/sample 0750 sample sample -"],
  });
  const root = extracted(path);
  expect(readFileSync(join(root, "usr/lib/sysusers.d/sample.conf"), "utf8")).toBe(
    'u sample - "of no use" /var/lib/sample /usr/sbin/nologin\nm sample adm\nu other - - /nonexistent /usr/sbin/nologin\n',
  );
  expect(readFileSync(join(root, "usr/lib/tmpfiles.d/sample.conf"), "utf8")).toBe(
    "d /var/lib/sample 0750 sample sample -\n",
  );
  const script = controlFile(path, "postinst");
  expect(script.indexOf("systemd-sysusers ")).toBeGreaterThan(0);
  expect(script.indexOf("systemd-tmpfiles ")).toBeGreaterThan(script.indexOf("systemd-sysusers "));
  expect(controlFile(path, "control")).toMatch(
    /^Depends: systemd \| systemd-standalone-sysusers \| systemd-sysusers, /m,
  );
});

test("a unit is enabled if it can be, started, restarted on upgrades, stopped on removal, forgotten on purge", async () => {
  const { path } = await pack(
    { units: { "a.service": "a", "b.service": "b", "c@.service": "a" } },
    { a: unit + install, b: unit },
  );
  expect(Object.keys(contentsOf(path)).filter((name) => name.includes(".service"))).toEqual([
    "./usr/lib/systemd/system/a.service",
    "./usr/lib/systemd/system/b.service",
    "./usr/lib/systemd/system/c@.service",
  ]);
  const postinst = controlFile(path, "postinst");
  expect(postinst).toContain("deb-systemd-helper enable a.service");
  expect(postinst).not.toContain("enable b.service");
  expect(postinst).toContain("deb-systemd-invoke restart a.service b.service");
  expect(postinst).toContain("deb-systemd-invoke start a.service b.service");
  expect(postinst).not.toContain("c@");
  expect(controlFile(path, "prerm")).toContain("deb-systemd-invoke stop a.service b.service");
  expect(controlFile(path, "postrm")).toContain("deb-systemd-helper purge a.service >");
});

test("what a recipe says of a unit: not enabled, not started, stopped for an upgrade, left alone by it", async () => {
  const files = { a: unit + install };
  const { path: off } = await pack({ units: { "a.service": { from: "a", enable: false, start: false } } }, files);
  expect(controlFile(off, "postinst")).toMatch(
    /if deb-systemd-helper debian-installed a\.service && .* was-enabled a\.service/,
  );
  expect(controlFile(off, "postinst")).toContain("deb-systemd-invoke try-restart a.service");
  expect(controlFile(off, "postinst")).not.toMatch(/invoke (?:re)?start a/);
  const { path: stopped } = await pack({ units: { "a.service": { from: "a", upgrade: "stop" } } }, files);
  expect(controlFile(stopped, "preinst")).toContain('[ "$1" = upgrade ]');
  expect(controlFile(stopped, "preinst")).toContain("deb-systemd-invoke stop a.service");
  const { path: left } = await pack({ units: { "a.service": { from: "a", upgrade: "leave" } } }, files);
  expect(controlFile(left, "postinst")).not.toContain("restart");
  expect(() => controlFile(left, "preinst")).toThrow(/no control component/);
});

test("on suites whose /lib may be a folder of its own, units lie there", async () => {
  const { path } = await pack({ units: { "a.service": "a" } }, { a: unit }, { suite: "bullseye" });
  expect(Object.keys(contentsOf(path))).toContain("./lib/systemd/system/a.service");
});

test("conffiles: all below /etc, and those that are named; md5sums: all others", async () => {
  const { path } = await pack(
    {
      files: { "/etc/sample": "etc", "/usr/share/sample/conf": "file", "/usr/share/sample/other": "file" },
      conffiles: ["/usr/share/sample/conf"],
    },
    { "etc/a": "a\n", "etc/b": "b\n" },
  );
  expect(controlFile(path, "conffiles")).toBe("/etc/sample/a\n/etc/sample/b\n/usr/share/sample/conf\n");
  const root = extracted(path);
  const sums = readFileSync(join(root, "DEBIAN/md5sums"), "utf8").trim().split("\n");
  expect(sums.map((line) => line.slice(34))).toEqual([
    "usr/share/doc/sample/changelog.gz",
    "usr/share/doc/sample/copyright",
    "usr/share/sample/other",
  ]);
  for (const line of sums) {
    const bytes = readFileSync(join(root, line.slice(34)));
    expect(createHash("md5").update(bytes).digest("hex")).toBe(line.slice(0, 32));
  }
  await expect(pack({ conffiles: ["/usr/share/none"] })).rejects.toThrow(/conffiles: got \/usr\/share\/none/);
});

const documents = async (entry: Readonly<Record<string, unknown>>, files: Readonly<Record<string, string>> = {}) => {
  const folder = join(extracted((await pack(entry, files)).path), "usr/share/doc/sample");
  return {
    copyright: readFileSync(join(folder, "copyright"), "utf8"),
    changelog: gunzipSync(readFileSync(join(folder, "changelog.gz"))).toString("utf8"),
    folder,
  };
};

test("changelog: one that says the version; an own one of Debian's form, with an entry for it; any other beside it", async () => {
  const entry = `sample (1.0.0) unstable; urgency=medium

  * Release 1.0.0.

 -- Unknown <unknown@kiln.invalid>  Tue, 14 Nov 2023 22:13:20 +0000
`;
  expect((await documents({})).changelog).toBe(entry);
  const older = entry.replaceAll("1.0.0", "0.9.0");
  expect((await documents({ changelog: "log" }, { log: older })).changelog).toBe(`${entry}\n${older}`);
  const own = entry.replace("Release", "The first release:");
  expect((await documents({ changelog: "log" }, { log: own })).changelog).toBe(own);
  const { folder } = await documents({ changelog: "CHANGES.md" }, { "CHANGES.md": "# 1.0.0\n" });
  expect(gunzipSync(readFileSync(join(folder, "CHANGES.md.gz"))).toString("utf8")).toBe("# 1.0.0\n");
});

test("copyright: an own file, or the licence that is named or lies in the top folder", async () => {
  expect((await documents({ copyright: "c" }, { c: "mine\n" })).copyright).toBe("mine\n");
  const named = (await documents({ license: "GPL-2.0-or-later OR MIT" })).copyright;
  expect(named).toContain("License: GPL-2.0-or-later OR MIT\n");
  expect(named).toContain("\n /usr/share/common-licenses/GPL-2\n");
  const apache = (await documents({}, { LICENSE: "   Apache License\n   Version 2.0, January 2004\n" })).copyright;
  expect(apache).toContain("License: Apache-2.0\n");
  const own = "Copyright (c) 2020-2024 A. Person\n\nDo as you like.\n";
  const folded = (await documents({}, { "LICENSE.txt": own })).copyright;
  expect(folded).toContain(
    "Copyright: 2020-2024 A. Person\nLicense: custom\n Copyright (c) 2020-2024 A. Person\n .\n Do as you like.\n",
  );
  expect((await documents({})).copyright).toContain(
    "License: unknown\n The recipe of this package names no licence.\n",
  );
});

test("documents that the recipe puts there itself stay as they are", async () => {
  const files = { "/usr/share/doc/sample/copyright": "file", "/usr/share/sample/file": "file" };
  expect((await documents({ files, license: "MIT" })).copyright).toBe("content\n");
});

test("libraries: a program's packages are looked up, with the versions that it needs, unless the recipe says no", async () => {
  const files = { "bin/true": readFileSync("/usr/bin/true") };
  const entry = { files: { "/usr/bin/sample": { from: "bin/true", mode: "0755" } } };
  const source = (await pack({ files: { "/usr/share/x": "bin" } }, files)).path;
  expect(controlFile(source, "control")).not.toContain("Depends:");
  const linked = temporaryFolder();
  mkdirSync(join(linked, "source"));
  writeFiles(join(linked, "source"), files);
  execFileSync("chmod", ["+x", join(linked, "source/bin/true")]);
  const { path, requires } = await packDeb({ ...entry, depends: ["adduser"] }, { folder: linked });
  expect(controlFile(path, "control")).toMatch(/^Depends: adduser, libc6 \(>= 2\.\d+\)$/m);
  expect(requires).toContain("pkg:deb/debian/libc6");
  execFileSync("rm", ["-r", join(linked, "stage"), join(linked, "out")]);
  const { path: none } = await packDeb({ ...entry, shlibs: false }, { folder: linked });
  expect(controlFile(none, "control")).not.toContain("Depends:");
});

test("libraries: what lies in the package itself needs nobody; what nobody brings is an error that says so", async () => {
  const folder = temporaryFolder();
  const source = join(folder, "source");
  mkdirSync(source);
  writeFiles(source, { "l.c": "int f(void) { return 3; }\n", "m.c": "int f(void); int main(void) { return f(); }\n" });
  const gcc = (...args: readonly string[]) => execFileSync("gcc", args, { cwd: source, stdio: "pipe" });
  gcc("-shared", "-fPIC", "-Wl,-soname,libown.so.1", "-o", "libown.so.1", "l.c");
  gcc("-o", "program", "m.c", "./libown.so.1");
  const program = { "/usr/bin/program": "program" };
  const { path } = await packDeb({ files: { ...program, "/usr/lib/sample/libown.so.1": "libown.so.1" } }, { folder });
  expect(controlFile(path, "control")).toMatch(/^Depends: libc6 \(>= [\d.]+\)$/m);
  execFileSync("rm", ["-r", join(folder, "stage"), join(folder, "out")]);
  await expect(packDeb({ files: program }, { folder })).rejects.toMatchObject({
    code: "ARTIFACT_INVALID",
    message: expect.stringMatching(/libown\.so\.1/) as string,
    hint: expect.stringMatching(/`shlibs: false`/) as string,
  });
});

test("a shared library in the linker's own folder makes dpkg run the linker", async () => {
  const library = readFileSync("/usr/bin/true");
  const { path } = await pack(
    { files: { "/usr/lib/libsample.so.1": "lib.so.1" }, shlibs: false },
    { "lib.so.1": library },
  );
  expect(controlFile(path, "triggers")).toBe("activate-noawait ldconfig\n");
});

test("other control files are taken as they are; debconf's config can run", async () => {
  const files = { t: "interest /usr/lib/x\n", c: "#!/bin/sh\n", q: "Template: sample/q\nType: string\n" };
  const { path } = await pack({ control: { triggers: "t", config: "c", templates: "q" } }, files);
  expect(controlFile(path, "triggers")).toBe(files.t);
  expect(controlFile(path, "templates")).toBe(files.q);
  expect(execFileSync("dpkg-deb", ["--info", path], { encoding: "utf8" })).toMatch(/\* +config/);
});

test.each([
  [
    "programs for another machine than is named",
    { architecture: "arm64", files: { "/usr/lib/x.so": "x.so" } },
    /want some for arm64/,
  ],
  [
    "a mode for a whole folder",
    { files: { "/usr/share/x": { from: "tree", mode: "0700" } } },
    /for the folder \/usr\/share\/x/,
  ],
  ["a link above the root", { files: { "/usr/x": { link: "../../../etc" } } }, /above the root/],
  ["a unit that is none", { units: { "a.service": "file" } }, /want a systemd unit/],
  ["a folder as a script", { control: { postinst: "tree" } }, /got something else at tree, want a file/],
  ["one package for all, to be installed once for each", { multiArch: "same" }, /got multiArch: same/],
])("%s: refused", async (_, entry, message) => {
  const files = { "tree/a": "a", "x.so": readFileSync("/usr/bin/true") };
  await expect(pack(entry, files)).rejects.toThrow(message);
});
