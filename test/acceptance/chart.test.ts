// recipes/chart as its users have it: baked twice, published, and what lies in the store given to Helm: it lints, verifies
// the .prov with the key that `kiln keys export` gives, pulls the chart from a repository, and renders it.

import { execFile, execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { basename, join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { programs } from "../../tools/test-programs.mjs";
import { makeProject } from "../bake/made-project.ts";
import { commit, emptyScene, git, kilnDone, removeScene, type Scene } from "../fixtures/scene.ts";

interface Shown {
  readonly artifacts: readonly {
    readonly name: string;
    readonly key: string;
    readonly sha256: string;
    readonly native?: { readonly key: string };
  }[];
}

let scene: Scene;
let server: Server;
let keyring: string;
let charts: string;
let shown: Shown;
const isolation = { env: { KILN_ISOLATION: undefined } };

beforeAll(async () => {
  expect(existsSync(programs.helm), "no helm: node tools/setup.mjs test").toBe(true);
  scene = emptyScene();
  await git(scene, "init", "--quiet", "--initial-branch", "main");
  cpSync(join(import.meta.dirname, "../../recipes/chart"), scene.project, { recursive: true });
  await commit(scene, { ".gitignore": ".kiln/\n" });
  await git(scene, "tag", "v1.4.0-rc.1");
  await kilnDone(scene, ["store", "create", scene.store, "--origin", "kiln.test"]);
  await kilnDone(scene, ["bake", "--twice"], isolation);
  await kilnDone(scene, ["publish"], isolation);
  shown = JSON.parse((await kilnDone(scene, ["show", "pagehost@1.4.0-rc.1", "--json"])).stdout) as Shown;
  keyring = join(scene.root, "keyring.gpg");
  const armored = (await kilnDone(scene, ["keys", "export", "--openpgp"])).stdout;
  writeFileSync(keyring, Buffer.from(armored.replace(/^[\s\S]*?\n\n|\n=[\s\S]*$/g, ""), "base64"));
  charts = join(scene.root, "charts");
  mkdirSync(charts);
  const { key, native } = artifact("chart");
  for (const one of [key, native?.key ?? ""]) cpSync(join(scene.store, one), join(charts, basename(one)));
  execFileSync(programs.helm, ["repo", "index", charts], { env: helmEnv() });
  server = createServer((request, response) => {
    const path = join(charts, basename(request.url ?? ""));
    if (existsSync(path) && request.url !== "/") response.end(readFileSync(path));
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
}, 180_000);
afterAll(async () => {
  server.close();
  await removeScene(scene);
});

function artifact(name: string): Shown["artifacts"][number] {
  const found = shown.artifacts.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no artifact ${name}`);
  return found;
}

function helmEnv(): Record<string, string> {
  return { PATH: "/usr/bin:/bin", HOME: scene.home, HELM_CACHE_HOME: join(scene.root, "helm") };
}

interface Said {
  readonly status: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

/** Beside the server, which runs in this process. */
function helm(...args: string[]): Promise<Said> {
  return new Promise((resolve) => {
    execFile(programs.helm, args, { cwd: scene.root, env: helmEnv() }, (error, stdout, stderr) => {
      resolve({ status: error?.code ?? 0, stdout, stderr });
    });
  });
}

async function helmDone(...args: string[]): Promise<string> {
  const said = await helm(...args);
  expect(said.status, said.stderr + said.stdout).toBe(0);
  return said.stdout;
}

const packaged = () => join(charts, "pagehost-1.4.0-rc.1.tgz");

test("helm lints it, and shows the release's version and the digest of the archive that was baked with it", async () => {
  expect(await helmDone("lint", "--strict", packaged())).toContain("0 chart(s) failed");
  const metadata = await helmDone("show", "chart", packaged());
  expect(metadata).toContain("version: 1.4.0-rc.1");
  expect(metadata).toContain("appVersion: 1.4.0-rc.1");
  const values = await helmDone("show", "values", packaged());
  expect(values).toContain(`sha256: "${artifact("site").sha256}"`);
  expect(values).toContain("# How many pods serve the site.");
  const rendered = await helmDone(
    "template",
    "shop",
    packaged(),
    "--kube-version",
    "1.33.0",
    "--verify",
    "--keyring",
    keyring,
  );
  expect(rendered).toContain(`value: "https://releases.example.com/${artifact("site").key}"`);
});

test("helm verifies the .prov with the exported key; another chart, another .prov or another key it doesn't", async () => {
  const said = await helmDone("verify", packaged(), "--keyring", keyring);
  expect(said).toContain("Signed by: Kiln kiln.test");
  expect(said).toContain(`Chart Hash Verified: sha256:${artifact("chart").sha256}`);

  const other = join(scene.root, "other");
  mkdirSync(other);
  const copy = join(other, basename(packaged()));
  cpSync(packaged(), copy);
  cpSync(`${packaged()}.prov`, `${copy}.prov`);
  writeFileSync(`${copy}.prov`, readFileSync(`${copy}.prov`, "utf8").replace("version: ", "version:  "));
  expect(readFileSync(`${copy}.prov`, "utf8")).toContain("version:  ");
  expect(await helm("verify", copy, "--keyring", keyring)).toMatchObject({ status: 1 });
  cpSync(`${packaged()}.prov`, `${copy}.prov`);
  writeFileSync(copy, Buffer.concat([readFileSync(copy), Buffer.of(0)]));
  expect((await helm("verify", copy, "--keyring", keyring)).stderr).toContain("does not match");

  await kilnDone(scene, ["keys", "create", "--origin", "other.test"]);
  const { stdout } = await kilnDone(scene, ["keys", "export", "--origin", "other.test", "--openpgp"]);
  const stranger = join(scene.root, "stranger.gpg");
  writeFileSync(stranger, Buffer.from(stdout.replace(/^[\s\S]*?\n\n|\n=[\s\S]*$/g, ""), "base64"));
  expect((await helm("verify", packaged(), "--keyring", stranger)).stderr).toContain("unknown entity");
});

test("helm pulls it from a repository, and verifies what it pulled; gpgv reads the .prov too", async () => {
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const pulled = join(scene.root, "pulled");
  mkdirSync(pulled);
  await helmDone(
    "pull",
    "pagehost",
    "--repo",
    url,
    "--version",
    "1.4.0-rc.1",
    "--verify",
    "--keyring",
    keyring,
    "--destination",
    pulled,
  );
  expect(readFileSync(join(pulled, basename(packaged()))).equals(readFileSync(packaged()))).toBe(true);
  execFileSync("gpgv", ["--quiet", "--keyring", keyring, "--output", join(pulled, "text"), `${packaged()}.prov`], {
    stdio: "pipe",
  });
  expect(readFileSync(join(pulled, "text"), "utf8")).toContain(`sha256:${artifact("chart").sha256}`);
});

test("kiln verifies and audits the .prov", async () => {
  await kilnDone(scene, ["verify", "pagehost@1.4.0-rc.1"]);
  expect((await kilnDone(scene, ["audit"])).stdout).not.toMatch(/OBJECT_UNUSED|error:/);
});

test("it packages the files that helm packages, with dependencies as helm locked them", async () => {
  const project = makeProject({
    recipe: "artifacts: { chart: { kind: chart, from: web } }\n",
    files: {
      "db/Chart.yaml": "apiVersion: v2\nname: db\nversion: 1.2.0\n",
      "web/Chart.yaml":
        "apiVersion: v2\nname: web\nversion: 1.2.3\ndependencies:\n" +
        "  - { name: db, version: '>=1.0.0 <2', repository: 'file://../db', condition: db.on, tags: [x], import-values: [{ parent: b, child: a }, all] }\n",
      "web/.helmignore": "# Ours.\n*.md\n/top.txt\nsecret/\ndocs/*.t?t\n[ab].yaml\n",
      ...Object.fromEntries(
        "top.txt deep/top.txt README.md secret/x docs/a.txt docs/deep/a.txt a.yaml templates/b.yaml templates/c.yaml templates/.d .hidden"
          .split(" ")
          .map((path) => [`web/${path}`, "x: 1\n"]),
      ),
    },
  });
  const web = join(project.repository.folder, "web");
  await helmDone("dependency", "update", web, "--skip-refresh");
  project.repository.commit();
  const { folder } = await project.bake();
  const ours = join(folder, "web-1.2.3.tgz");
  await helmDone("package", web, "--destination", scene.root);
  const files = (tgz: string) =>
    execFileSync("tar", ["-tzf", tgz], { encoding: "utf8" })
      .trim()
      .split("\n")
      // Helm unpacks what is in charts/; both ways it loads.
      .filter((path) => !path.includes("/charts/"))
      .toSorted();
  expect(files(ours)).toEqual(files(join(scene.root, "web-1.2.3.tgz")));
  await helmDone("lint", ours);
  expect(await helmDone("dependency", "list", ours)).toMatch(/db\s.*\bunpacked|db\s.*\bok/);

  const changed = readFileSync(join(web, "Chart.yaml"), "utf8").replace(">=1.0.0 <2", ">=1.1.0 <2");
  project.repository.commit({ "web/Chart.yaml": changed });
  await expect(project.bake()).rejects.toThrow(/Chart\.lock: got a lock of other dependencies/);
});
