// A channel as a Helm repository, with helm itself: added, updated, pulled with its signature verified, rendered, depended upon, forth
// and back with the channel. From a static web server, and from a bucket.

import { execFile } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test, vi } from "vitest";

import { programs } from "../../tools/test-programs.mjs";
import { serveStore } from "../fixtures/index-server.ts";
import {
  commit,
  emptyScene,
  git,
  kilnDone,
  recipe,
  removeScene,
  type Scene,
  staticVersion,
  write,
} from "../fixtures/scene.ts";
import { startWebsite } from "../fixtures/website.ts";
import { credentials } from "../stores/s3-server.ts";
import { serve, type WebServer } from "../stores/web-server.ts";

let scene: Scene;
let server: WebServer;
let keyring: string;

async function publish(name: string, version: string): Promise<void> {
  await commit(scene, {
    "kiln.yaml": recipe({
      name,
      version: staticVersion(version),
      artifacts: "{ chart: { kind: chart, from: chart, appVersion: release } }",
      activate: "{}",
    }),
    "chart/Chart.yaml": `apiVersion: v2\nname: ${name}\nversion: 0.0.0\ndescription: serves pages\ntype: application\n`,
    "chart/templates/config.yaml": `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name} }\ndata: { version: {{ .Chart.Version | quote }} }\n`,
  });
  await kilnDone(scene, ["publish"]);
}

beforeAll(async () => {
  expect(existsSync(programs.helm), "no helm: node tools/setup.mjs test").toBe(true);
  scene = emptyScene();
  await git(scene, "init", "--quiet", "--initial-branch", "main");
  await kilnDone(scene, ["store", "create", scene.store, "--origin", "kiln.test"]);
  await publish("pages", "1.9.0");
  await publish("pages", "1.10.0");
  await publish("queue", "0.2.0");
  keyring = join(scene.root, "keyring.gpg");
  const armored = (await kilnDone(scene, ["keys", "export", "--openpgp"])).stdout;
  writeFileSync(keyring, Buffer.from(armored.replace(/^[\s\S]*?\n\n|\n=[\s\S]*$/g, ""), "base64"));
  server = await serveStore(scene.store);
  await helm("repo", "add", "kiln", `${server.url}/charts/staging`);
}, 300_000);

afterAll(async () => {
  await server.close();
  await removeScene(scene);
});

/** Beside the server, which runs in this process. */
function tryHelm(...args: string[]): Promise<{ status: number | string; said: string }> {
  const env = { PATH: "/usr/bin:/bin", HOME: scene.home };
  return new Promise((resolve) => {
    execFile(programs.helm, args, { cwd: scene.root, env }, (error, stdout, stderr) => {
      resolve({ status: error?.code ?? 0, said: stdout + stderr });
    });
  });
}

async function helm(...args: string[]): Promise<string> {
  const { status, said } = await tryHelm(...args);
  expect(status, said).toBe(0);
  return said;
}

const verified = () => ["--verify", "--keyring", keyring];
const offered = async (chart: string) =>
  (JSON.parse(await helm("search", "repo", chart, "--versions", "--output", "json")) as { version: string }[]).map(
    ({ version }) => version,
  );
const rendered = async () => /version: "(.*)"/.exec(await helm("template", "x", "kiln/pages", ...verified()))?.[1];

test("helm finds every version, pulls what it verifies, and renders the newest", async () => {
  expect(await offered("kiln/pages")).toEqual(["1.10.0", "1.9.0"]);
  expect(await offered("kiln/queue")).toEqual(["0.2.0"]);
  const said = await helm("pull", "kiln/pages", "--version", "1.9.0", ...verified());
  expect(said).toContain("Signed by: Kiln kiln.test");
  const index = readFileSync(join(scene.store, "charts/staging/index.yaml"), "utf8");
  const digest = /Chart Hash Verified: sha256:([0-9a-f]{64})/.exec(said)?.[1];
  expect(index).toContain(`"digest":"${digest}"`);
  expect(await rendered()).toBe("1.10.0");
  expect(await helm("show", "chart", "kiln/queue", ...verified())).toContain("appVersion: 0.2.0");
});

test("helm would install it, and another chart depends on it", async () => {
  const configMaps = {
    name: "configmaps",
    singularName: "configmap",
    namespaced: true,
    kind: "ConfigMap",
    verbs: ["get"],
  };
  // As much of a cluster as a dry run asks for.
  const cluster = await serve((_, response, path) => {
    response.setHeader("content-type", "application/json");
    const answers: Readonly<Record<string, object>> = {
      "/version": { major: "1", minor: "33", gitVersion: "v1.33.0" },
      "/api": { kind: "APIVersions", versions: ["v1"] },
      "/apis": { kind: "APIGroupList", apiVersion: "v1", groups: [] },
      "/api/v1": { kind: "APIResourceList", groupVersion: "v1", resources: [configMaps] },
    };
    response.writeHead(answers[path] === undefined ? 404 : 200).end(JSON.stringify(answers[path] ?? {}));
  });
  const at = ["--kube-apiserver", cluster.url.replace("/store", ""), "--kubeconfig", "/dev/null"];
  const said = await helm(
    "install",
    "shop",
    "kiln/pages",
    ...verified(),
    ...at,
    "--dry-run=client",
    "--disable-openapi-validation",
  );
  await cluster.close();
  expect(said).toContain('version: "1.10.0"');
  await write(join(scene.root, "whole"), {
    "Chart.yaml": `apiVersion: v2\nname: whole\nversion: 1.0.0\ndependencies:\n  - { name: pages, version: ^1.9.0, repository: "${server.url}/charts/staging" }\n`,
  });
  await helm("dependency", "update", "whole");
  expect(existsSync(join(scene.root, "whole/charts/pages-1.10.0.tgz"))).toBe(true);
});

test("a channel that goes back takes helm back; a promotion is another repository of the same charts", async () => {
  await kilnDone(scene, ["promote", "pages@1.10.0", "production"]);
  await kilnDone(scene, ["promote", "pages@1.9.0", "staging"]);
  await helm("repo", "add", "production", `${server.url}/charts/production/`);
  await helm("repo", "update");
  expect(await offered("kiln/pages")).toEqual(["1.9.0"]);
  expect(await offered("production/pages")).toEqual(["1.10.0"]);
  expect(await rendered()).toBe("1.9.0");
});

test("a chart that is yanked is offered no more; one that somebody changed is refused", async () => {
  await publish("queue", "0.3.0");
  await kilnDone(scene, ["yank", "queue@0.2.0", "--reason", "loses messages"]);
  await helm("repo", "update");
  expect(await offered("kiln/queue")).toEqual(["0.3.0"]);
  await kilnDone(scene, ["audit"]);
  const index = readFileSync(join(scene.store, "charts/staging/index.yaml"), "utf8");
  const key = /"urls":\["\.\.\/\.\.\/([^"]*queue-0\.3\.0\.tgz)"/.exec(index)?.[1] ?? "";
  const path = join(scene.store, key);
  const whole = readFileSync(path);
  writeFileSync(path, Buffer.concat([whole, Buffer.of(0)]));
  expect((await tryHelm("pull", "kiln/queue", ...verified())).said).toContain("does not match");
  writeFileSync(path, whole);
});

test("helm takes it from a bucket, at its website and at its own address", async () => {
  for (const [key, value] of Object.entries(credentials)) vi.stubEnv(key, value);
  const website = await startWebsite();
  try {
    await website.fill(scene.store);
    for (const [name, url] of Object.entries({ website: website.url, plain: website.plain })) {
      await helm("repo", "add", name, `${url}/charts/production`);
      const said = await helm("pull", `${name}/pages`, ...verified(), "--destination", scene.home);
      expect(said).toContain("Signed by: Kiln kiln.test");
    }
  } finally {
    await website.stop();
  }
});
