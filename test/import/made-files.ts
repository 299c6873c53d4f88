// Packages for tests as somebody else would have made them, by hand, so that anything about them can be wrong.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** A .deb with these control fields and one file. */
export function madeDeb(folder: string, file: string, control: string): string {
  const root = mkdtempSync(join(folder, "deb-"));
  write(root, {
    "DEBIAN/control": "Package: x\nVersion: 1\nArchitecture: all\nMaintainer: m <m@x.test>\nDescription: d\n",
  });
  write(root, { "usr/share/x/file": "content\n" });
  const path = join(folder, file);
  execFileSync("dpkg-deb", ["--root-owner-group", "-Zgzip", "-b", root, path], { stdio: "ignore" });
  // dpkg-deb wouldn't take every control file: so it is put in afterwards.
  write(root, { "out/control": control });
  execFileSync("tar", [
    "-C",
    join(root, "out"),
    "--owner=0",
    "--group=0",
    "-czf",
    join(root, "control.tar.gz"),
    "./control",
  ]);
  const members = arMembers(readFileSync(path));
  members[1] = { ...(members[1] as Member), bytes: readFileSync(join(root, "control.tar.gz")) };
  writeFileSync(path, arOf(members));
  return path;
}

export const goodControl =
  "Package: sample\nVersion: 1:2.0-1\nArchitecture: amd64\nMaintainer: m <m@x.test>\nDepends: libc6 (>= 2.3), a | b\nDescription: first\n more\n .\n lines\nHomepage: https://x.test\n";

/** A gzipped tar of these files below one folder. */
export function madeTarball(folder: string, file: string, files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(folder, "tar-"));
  write(root, files);
  const path = join(folder, file);
  const tops = [...new Set(Object.keys(files).map((one) => one.split("/")[0] as string))];
  execFileSync("tar", ["-C", root, "--owner=0", "--group=0", "--format=ustar", "-czf", path, ...tops]);
  return path;
}

/** A wheel; `record` instead of a right RECORD. */
export function madeWheel(folder: string, file: string, { record = "" } = {}): string {
  const path = join(folder, file);
  const program = `
import base64, hashlib, sys, zipfile
files = {"sample.py": b"x = 1\\n", "sample-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\\nName: Sample\\nVersion: 1.0\\nLicense: MIT\\nRequires-Dist: six\\n\\nText\\n", "sample-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\\nGenerator: hand\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"}
hashed = lambda body: "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()
record = sys.argv[2] or "".join(f"{name},{hashed(body)},{len(body)}\\n" for name, body in files.items())
with zipfile.ZipFile(sys.argv[1], "w") as archive:
    for name, body in {**files, "sample-1.0.dist-info/RECORD": record.encode()}.items():
        archive.writestr(name, body)
`;
  execFileSync("python3", ["-c", program, path, record]);
  return path;
}

/** An .rpm of the package `snapshot`, release 1, with its version in a file. */
export function madeRpm(folder: string, version: string): string {
  const top = mkdtempSync(join(folder, "rpm-"));
  const spec = [
    `Name: snapshot\nVersion: ${version}\nRelease: 1\nSummary: a snapshot\nLicense: MIT\nBuildArch: noarch`,
    "%description\nA snapshot.",
    "%install\nmkdir -p %{buildroot}/usr/share/snapshot\necho '%{version}' > %{buildroot}/usr/share/snapshot/version",
    "%files\n/usr/share/snapshot\n",
  ];
  write(top, { "snapshot.spec": spec.join("\n\n") });
  const macros = ["--define", `_topdir ${top}`, "--define", `_rpmdir ${top}`];
  execFileSync("rpmbuild", ["-bb", "--quiet", ...macros, join(top, "snapshot.spec")], { stdio: "ignore" });
  return join(top, `noarch/snapshot-${version}-1.noarch.rpm`);
}

interface Member {
  readonly head: Buffer;
  readonly bytes: Buffer;
}

function arMembers(archive: Buffer): Member[] {
  const members: Member[] = [];
  for (let at = 8; at < archive.length;) {
    const size = Number(archive.toString("latin1", at + 48, at + 58));
    members.push({ head: archive.subarray(at, at + 60), bytes: archive.subarray(at + 60, at + 60 + size) });
    at += 60 + size + (size % 2);
  }
  return members;
}

function arOf(members: readonly Member[]): Buffer {
  const parts = members.flatMap(({ head, bytes }) => {
    const own = Buffer.from(head);
    own.write(String(bytes.length).padEnd(10), 48, "latin1");
    return [own, bytes, Buffer.from(bytes.length % 2 === 1 ? "\n" : "")];
  });
  return Buffer.concat([Buffer.from("!<arch>\n"), ...parts]);
}

function write(root: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}
