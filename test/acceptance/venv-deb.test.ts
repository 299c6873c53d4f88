// recipes/venv-deb as its users have it: baked twice in a base of its suite, installed by apt in a clean system of that suite,
// and run there. Beside it the same application at a path that is too long for the first line of a script, and at /opt.

import { execFile, spawn } from "node:child_process";
import { appendFileSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { afterAll, beforeAll, expect, test } from "vitest";

import { type DebianRoot, makeDebianRoot } from "../fixtures/debian-root.ts";
import { freePort } from "../fixtures/host.ts";

const top = join(import.meta.dirname, "../..");
const longPath = `/opt/venvs/${"a-long-name-".repeat(12)}/golinks`;
const more = `
  elsewhere: { kind: venv-deb, from: ., package: golinks-elsewhere, shlibs: false, path: ${longPath} }
  opt:
    { kind: venv-deb, from: ., package: golinks-opt, section: web, maintainer: Ada <ada@example.org>, license: MIT,
      description: "short words\\nIt leads from words to addresses." }
`;
let work: string;
let repository: string;
let root: DebianRoot;

beforeAll(async () => {
  work = mkdtempSync(join(tmpdir(), "kiln-venv-"));
  repository = join(work, "golinks");
  cpSync(join(top, "recipes/venv-deb"), repository, { recursive: true });
  const recipe = join(repository, "kiln.yaml");
  const text = readFileSync(recipe, "utf8");
  rmSync(recipe);
  appendFileSync(recipe, text.replace("\nchannels:", `${more}\nchannels:`));
  await run("git", "init", "-qb", "main");
  await kiln("lock");
  await run("git", "add", "-A");
  await run("git", "-c", "user.name=Ada", "-c", "user.email=ada@example.org", "commit", "-qm", "golinks");
  await run("git", "tag", "v1.4.0");
  root = await makeDebianRoot("bookworm");
}, 300_000);
afterAll(async () => {
  rmSync(work, { recursive: true });
  await root.remove();
});

async function run(program: string, ...args: string[]): Promise<string> {
  const env = { ...process.env, XDG_CONFIG_HOME: join(work, "config"), GIT_CONFIG_GLOBAL: "/dev/null" };
  const options = { cwd: repository, env: { ...env, ...quick }, maxBuffer: 64 * 1024 * 1024 };
  return (await promisify(execFile)(program, args, options)).stdout;
}

/** Thousands of small files: memory is many times quicker. */
const quick = existsSync("/dev/shm") ? { TMPDIR: "/dev/shm" } : {};
const kiln = (...args: string[]) => run(process.execPath, join(top, "src/cli.ts"), ...args);
const inside = (...argv: [string, ...string[]]) => root.run(argv);

test(
  "it is the same twice, apt installs it in a clean system of its suite, and it runs there",
  { timeout: 900_000 },
  async () => {
    const out = join(work, "out");
    await kiln("bake", "--twice", "--out", out);
    const names = ["golinks_1.4.0_all.deb", "golinks-elsewhere_1.4.0_all.deb", "golinks-opt_1.4.0_all.deb"];
    const debs = names.map((name) => join(out, name));
    for (const deb of debs) {
      expect(await run("dpkg-deb", "--field", deb, "Depends")).toBe("python3.11\n");
      if (deb.includes("elsewhere")) continue;
      const said = await run("lintian", "--allow-root", "--fail-on", "none", "--tag-display-limit", "0", deb);
      expect(said).not.toMatch(/^E:/m);
    }

    const installed: string[] = [];
    for (const deb of debs) installed.push(await root.put(deb));
    await inside("apt-get", "update");
    await inside("apt-get", "install", "--yes", "--no-install-recommends", ...installed);
    expect(await inside("golinks", "--version")).toBe("golinks 1.4.0");
    expect(await inside("/opt/venvs/golinks-opt/bin/golinks", "--version")).toBe("golinks 1.4.0");
    expect(readFileSync(join(root.path, longPath, "bin/golinks"), "utf8")).toMatch(/^#!\/bin\/sh\n'''exec' /);
    expect(await inside(`${longPath}/bin/golinks`, "--version")).toBe("golinks 1.4.0");
    expect(await inside("dpkg", "--verify")).toBe("");

    // What is compiled is used, RECORD is right, and nothing of the bake is left in it.
    const program = `
import importlib.metadata as m, hashlib, base64, sys, golinks.app as app
print(app.__cached__, app.__loader__.get_code("golinks.app").co_filename)
for name in ("golinks", "bottle", "waitress"):
    for file in m.files(name):
        if file.hash is not None:
            digest = hashlib.sha256(file.read_binary()).digest()
            assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == file.hash.value, file
`;
    const site = "/usr/lib/golinks/lib/python3.11/site-packages/golinks";
    expect(await inside("/usr/lib/golinks/bin/python", "-c", program)).toBe(
      `${site}/__pycache__/app.cpython-311.pyc ${site}/app.py`,
    );
    expect(
      await run(
        "grep",
        "-rlE",
        "/build/|/built-again|/project/(source|environment)",
        join(root.path, "usr/lib/golinks"),
      ).catch(() => ""),
    ).toBe("");

    const port = await freePort();
    const service = spawn("chroot", [root.path, "/usr/bin/golinks", "--listen", `127.0.0.1:${port}`], {
      stdio: "ignore",
    });
    try {
      expect(await answer(`http://127.0.0.1:${port}/health`)).toEqual({ links: 2 });
      const response = await fetch(`http://127.0.0.1:${port}/debian`, { redirect: "manual" });
      expect(response.headers.get("location")).toBe("https://www.debian.org/");
    } finally {
      service.kill();
    }
  },
);

async function answer(url: string): Promise<unknown> {
  for (let tries = 0; tries < 100; tries += 1) {
    const response = await fetch(url).catch(() => undefined);
    if (response !== undefined) return await response.json();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${url}: no answer`);
}
