// A channel as a Python package index, with pip (Debian's, and the newest) and uv: hashes are demanded, and nothing but the index
// is known to them. From a folder, from a static web server in both forms, from a bucket, forth and back with the channel.

import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test, vi } from "vitest";

import { serveStore } from "../fixtures/index-server.ts";
import { environmentAt, fetchPrograms, pipInstall, python, uvInstall } from "../fixtures/pypi-clients.ts";
import {
  commit,
  emptyScene,
  git,
  kilnDone,
  recipe,
  removeScene,
  type Scene,
  staticVersion,
} from "../fixtures/scene.ts";
import { startWebsite } from "../fixtures/website.ts";
import { credentials } from "../stores/s3-server.ts";
import type { WebServer } from "../stores/web-server.ts";

let scene: Scene;
let clients: string;
let html: WebServer;
let negotiated: WebServer;

/** Builds wheels for whatever platform it is told. */
const backend = `
import io, os, tarfile, zipfile
VERSION = open("version.txt").read().strip()
METADATA = f"Metadata-Version: 2.1\\nName: Plain.Greeting\\nVersion: {VERSION}\\nRequires-Python: >=3.9\\n\\nGrüße.\\n"
def build_wheel(folder, settings=None, metadata=None):
    tag = (settings or {}).get("tag", "py3-none-any")
    info = f"plain_greeting-{VERSION}.dist-info"
    wheel = f"Wheel-Version: 1.0\\nGenerator: own\\nRoot-Is-Purelib: true\\nTag: {tag}\\n"
    name = f"plain_greeting-{VERSION}-{tag}.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as file:
        for path, text in {f"{info}/METADATA": METADATA, f"{info}/WHEEL": wheel, f"{info}/RECORD": "", "greeting.py": f"VERSION = {VERSION!r}\\n"}.items():
            file.writestr(path, text)
    return name
def build_sdist(folder, settings=None):
    name = f"plain_greeting-{VERSION}"
    with tarfile.open(os.path.join(folder, name + ".tar.gz"), "w:gz") as file:
        for path, text in {"PKG-INFO": METADATA, "version.txt": VERSION, **{p: open(p).read() for p in ("pyproject.toml", "backend/own.py")}}.items():
            entry = tarfile.TarInfo(f"{name}/{path}")
            entry.size = len(text.encode())
            file.addfile(entry, io.BytesIO(text.encode()))
    return name + ".tar.gz"
`;

const foreign = "cp313-cp313-manylinux_2_28_aarch64";

async function publish(version: string, inPython = version): Promise<void> {
  await commit(scene, {
    "kiln.yaml": recipe({
      name: "greeting",
      version: staticVersion(version),
      artifacts: `{ wheel: { kind: wheel }, other: { kind: wheel, settings: { tag: ${foreign} } }, sdist: { kind: sdist } }`,
      activate: "{}",
    }),
    "pyproject.toml": `[build-system]\nrequires = []\nbuild-backend = "own"\nbackend-path = ["backend"]\n`,
    "backend/own.py": backend,
    "version.txt": inPython,
  });
  await kilnDone(scene, ["publish"]);
}

beforeAll(async () => {
  scene = emptyScene();
  clients = join(scene.root, "clients");
  await mkdir(clients);
  const fetched = fetchPrograms(clients, "uv", "pip", "parser");
  await git(scene, "init", "--quiet", "--initial-branch", "main");
  await kilnDone(scene, ["store", "create", scene.store, "--origin", "kiln.test"]);
  await publish("1.0.0");
  await publish("1.1.0");
  await fetched;
  stock = {
    "Debian's pip": pip(await newEnvironment(), bare()),
    "the newest pip": pip(await newEnvironment(), { ...bare(), PYTHONPATH: clients }),
    uv: uv(await newEnvironment()),
  };
  html = await serveStore(scene.store);
  negotiated = await serveStore(scene.store, "negotiated");
}, 300_000);

afterAll(async () => {
  await html.close();
  await negotiated.close();
  await removeScene(scene);
});

interface Ran {
  readonly status: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

/** Beside the server, which runs in this process. */
function run(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<Ran> {
  const [program = "", ...args] = argv;
  return new Promise((resolve) => {
    execFile(program, args, { cwd: scene.root, env }, (error, stdout, stderr) => {
      resolve({ status: error?.code ?? 0, stdout, stderr });
    });
  });
}

/** Without the machine's own settings, which may know other indexes. */
const bare = () => ({ PATH: "/usr/bin:/bin", HOME: scene.home, LC_ALL: "C.UTF-8", PIP_CONFIG_FILE: "/dev/null" });

interface Client {
  /** Installs into the client's own environment. */
  readonly install: (index: string, ...args: string[]) => Promise<Ran>;
  /** What makes it forget what is installed there. */
  readonly reinstall: string;
  readonly environment: string;
}

function pip(environment: string, env: NodeJS.ProcessEnv): Client {
  return {
    environment,
    reinstall: "--force-reinstall",
    install: (index, ...args) => run([...pipInstall(environment, index), ...args], env),
  };
}

function uv(environment: string): Client {
  return {
    environment,
    reinstall: "--reinstall",
    install: (index, ...args) => run([...uvInstall(clients, environment, index), ...args], bare()),
  };
}

const names = ["Debian's pip", "the newest pip", "uv"] as const;
let stock: Readonly<Record<(typeof names)[number], Client>>;

async function newEnvironment(): Promise<string> {
  const folder = mkdtempSync(join(scene.root, "env-"));
  await done(run(environmentAt(folder), bare()));
  return folder;
}

const simple = (server: Pick<WebServer, "url">, channel = "staging") => `${server.url}/pypi/${channel}/simple/`;

/** Whatever was compiled of another version of the same size and time doesn't count. */
async function installed({ environment }: Client): Promise<string> {
  const { stdout } = await run([join(environment, "bin/python"), "-c", "import greeting; print(greeting.VERSION)"], {
    ...bare(),
    PYTHONDONTWRITEBYTECODE: "1",
    PYTHONPYCACHEPREFIX: join(scene.root, "compiled"),
  });
  return stdout.trim();
}

async function done(ran: Promise<Ran>): Promise<Ran> {
  const result = await ran;
  expect(result.status, result.stdout + result.stderr).toBe(0);
  return result;
}

/** Lines of a requirements file that demands the digests of these files. */
function pinned(version: string, channel = "staging"): string {
  const page = readFileSync(join(scene.store, `pypi/${channel}/simple/plain-greeting/index.json`), "utf8");
  const { files } = JSON.parse(page) as { files: { filename: string; hashes: { sha256: string } }[] };
  const own = files.filter(({ filename }) => filename.includes(`-${version}`));
  return `plain-greeting==${version} ${own.map(({ hashes }) => `--hash=sha256:${hashes.sha256}`).join(" ")}\n`;
}

/** The files of the pool that were asked for. */
const asked = ({ requests }: WebServer) =>
  requests.flatMap((request) => (request.includes("/pool/") ? [request.slice(request.lastIndexOf("/") + 1)] : []));

test.each(names)("%s installs by hash, in both forms, and no file of another digest", async (name) => {
  const client = stock[name];
  const requirements = join(scene.root, "requirements.txt");
  for (const server of [html, negotiated]) {
    await writeFile(requirements, pinned("1.1.0"));
    await done(client.install(simple(server), client.reinstall, "--require-hashes", "-r", requirements));
    expect(await installed(client)).toBe("1.1.0");
  }
  await writeFile(requirements, pinned("1.0.0").replaceAll(/sha256:[^ \n]+/g, `sha256:${"0".repeat(64)}`));
  const refused = await client.install(simple(html), "--require-hashes", "-r", requirements);
  expect(refused.status).not.toBe(0);
  expect(await installed(client)).toBe("1.1.0");
});

test.each(names)(
  "%s takes the wheel, however the name is spelled, and reads its metadata first if it knows how",
  async (name) => {
    const client = stock[name];
    const wheel = "plain_greeting-1.1.0-py3-none-any.whl";
    for (const server of [html, negotiated]) {
      server.requests.length = 0;
      await done(client.install(simple(server), client.reinstall, "plain_GREETING"));
      const files = asked(server);
      expect(files.at(-1)).toBe(wheel);
      if (name !== "Debian's pip") expect(files[0]).toBe(`${wheel}.metadata`);
    }
  },
);

test("pip takes the wheel of another platform, an sdist, and all of it from a folder", async () => {
  const into = join(scene.root, "downloads");
  const other = ["--only-binary=:all:", "--platform", "manylinux_2_28_aarch64", "--python-version", "3.13"];
  const index = ["--index-url", simple(html), "--no-deps", "--dest", into];
  await done(run([python, "-m", "pip", "download", ...index, ...other, "Plain_Greeting"], bare()));
  expect(existsSync(join(into, `plain_greeting-1.1.0-${foreign}.whl`))).toBe(true);
  html.requests.length = 0;
  const { install, reinstall } = stock["the newest pip"];
  await done(install(simple(html), reinstall, "--no-binary=:all:", "plain-greeting"));
  expect(asked(html)).toEqual(["plain_greeting-1.1.0.tar.gz"]);
  for (const client of Object.values(stock)) {
    await done(client.install(`file://${scene.store}/pypi/staging/simple/`, client.reinstall, "plain-greeting"));
    expect(await installed(client)).toBe("1.1.0");
  }
});

test("a stock parser reads every page in both forms, with nothing to warn of", async () => {
  const program = `
import sys, warnings
warnings.simplefilter("error")
from pypi_simple import ACCEPT_HTML_ONLY, ACCEPT_JSON_ONLY, PyPISimple
for url, accept in ((sys.argv[1], ACCEPT_HTML_ONLY), (sys.argv[2], ACCEPT_JSON_ONLY)):
    with PyPISimple(url, accept=accept) as client:
        assert client.get_index_page().projects == ["plain-greeting"]
        page = client.get_project_page("plain-greeting")
        print(page.project, page.repository_version, len(page.packages))
        for package in page.packages:
            is_wheel = package.package_type == "wheel"
            assert package.version and package.digests["sha256"] and package.requires_python == ">=3.9"
            assert bool(package.has_metadata) == is_wheel and package.is_yanked is False
            if is_wheel:
                assert "Name: Plain.Greeting" in client.get_package_metadata(package)
            if accept == ACCEPT_JSON_ONLY:
                assert package.size > 100 and package.upload_time.tzinfo is not None
        if accept == ACCEPT_JSON_ONLY:
            assert page.versions == ["1.0.0", "1.1.0"], page.versions
`;
  const urls = [simple(html), simple(negotiated)];
  const { stdout } = await done(run([python, "-c", program, ...urls], { ...bare(), PYTHONPATH: clients }));
  expect(stdout).toBe("plain-greeting 1.1 6\nplain-greeting 1.1 6\n");
});

test("a bucket's website serves it to pip and uv; without one, pip finds the links of a project's page", async () => {
  for (const [key, value] of Object.entries(credentials)) vi.stubEnv(key, value);
  const website = await startWebsite();
  try {
    await website.fill(scene.store);
    for (const client of Object.values(stock)) {
      await done(client.install(`${website.url}/pypi/staging/simple/`, client.reinstall, "plain-greeting==1.0.0"));
      expect(await installed(client)).toBe("1.0.0");
    }
    const { environment, install, reinstall } = stock["the newest pip"];
    const page = `${website.plain}/pypi/staging/simple/plain-greeting/index.html`;
    await done(install(simple(html, "nowhere"), "--no-index", "--find-links", page, reinstall, "plain-greeting"));
    expect(await installed({ environment, install, reinstall })).toBe("1.1.0");
  } finally {
    await website.stop();
  }
});

test("a pre-release waits to be asked for; a promotion is another index of the same files", async () => {
  await publish("1.2.0-rc.1", "1.2.0rc1");
  await kilnDone(scene, ["promote", "greeting@1.1.0", "production"]);
  for (const client of Object.values(stock)) {
    await done(client.install(simple(html), client.reinstall, "plain-greeting"));
    expect(await installed(client)).toBe("1.1.0");
    await done(client.install(simple(html), "plain-greeting==1.2.0rc1"));
    expect(await installed(client)).toBe("1.2.0rc1");
    await done(client.install(simple(html, "production"), client.reinstall, "plain-greeting"));
    expect(await installed(client)).toBe("1.1.0");
  }
});

test("a channel that goes back takes pip and uv back when they reinstall, and not when they only upgrade", async () => {
  await kilnDone(scene, ["promote", "greeting@1.0.0", "staging"]);
  for (const client of Object.values(stock)) {
    await done(client.install(simple(html), "--upgrade", "plain-greeting"));
    expect(await installed(client)).toBe("1.1.0");
    await done(client.install(simple(html), client.reinstall, "plain-greeting"));
    expect(await installed(client)).toBe("1.0.0");
  }
});

test("what is yanked is installed by nobody who doesn't name its version, and then with the reason", async () => {
  await kilnDone(scene, ["promote", "greeting@1.1.0", "staging"]);
  await kilnDone(scene, ["yank", "greeting@1.0.0", "--reason", "greets the wrong people"]);
  for (const client of Object.values(stock)) {
    expect((await client.install(simple(html), client.reinstall, "plain-greeting<1.1")).status).not.toBe(0);
    for (const server of [html, negotiated]) {
      const named = await done(client.install(simple(server), client.reinstall, "plain-greeting==1.0.0"));
      expect(named.stdout + named.stderr).toContain("greets the wrong people");
    }
  }
  await kilnDone(scene, ["audit"]);
});

test("so is what the channel showed until it was yanked; whoever names no version gets the one before", async () => {
  await publish("1.3.0");
  await kilnDone(scene, ["yank", "greeting@1.3.0", "--reason", "greets nobody", "--move-to", "1.1.0"]);
  for (const client of Object.values(stock)) {
    const named = await done(client.install(simple(negotiated), client.reinstall, "plain-greeting==1.3.0"));
    expect(named.stdout + named.stderr).toContain("greets nobody");
    expect(await installed(client)).toBe("1.3.0");
    await done(client.install(simple(negotiated), client.reinstall, "plain-greeting"));
    expect(await installed(client)).toBe("1.1.0");
  }
  await kilnDone(scene, ["audit"]);
});
