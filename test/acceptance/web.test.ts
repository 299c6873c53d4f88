// The pages for people, in a real browser: from a web server and from a folder, on a desk and on a phone, by day and by night. Every
// link leads somewhere, nothing is asked of anybody else, and the lines to copy do what they say in a clean Debian.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { linesOn, startBrowser, walk } from "../fixtures/browser.ts";
import { type DebianRoot, makeDebianRoot } from "../fixtures/debian-root.ts";
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
import { files, serve, type WebServer } from "../stores/web-server.ts";

let scene: Scene;
let debian: DebianRoot;
let server: WebServer;
let browser: Browser;

beforeAll(async () => {
  scene = emptyScene();
  const making = makeDebianRoot("bookworm", ["curl", "gpg", "sqv", "sudo"]);
  making.catch(() => undefined);
  server = await serve(files(scene.store));
  await git(scene, "init", "--quiet", "--initial-branch", "main");
  await kilnDone(scene, ["store", "create", scene.store, "--origin", "kiln.test", "--public-url", `${server.url}/`]);
  await publish("1.0.0");
  await publish("1.1.0-rc.1+b2");
  await publish("1.2.0");
  await kilnDone(scene, ["promote", "hello@1.0.0", "production"]);
  await kilnDone(scene, ["yank", "hello@1.1.0-rc.1+b2", "--reason", "it <script>forgets</script> things"]);
  browser = await startBrowser();
  debian = await making;
  await debian.run(["sh", "-c", "rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*"]);
}, 300_000);

afterAll(async () => {
  await browser.close();
  await server.close();
  await removeScene(scene);
  await debian.remove();
});

async function publish(version: string): Promise<void> {
  await commit(scene, {
    "kiln.yaml": recipe({
      name: "hello",
      version: staticVersion(version),
      checks: "[{ name: unit, run: 'true' }]",
      artifacts: `{ app: { kind: archive, from: files }, package: { kind: deb, license: MIT, files: { /usr/share/hello/version: version } } }`,
    }),
    "files/a.txt": version,
    version: `${version}\n`,
  });
  await kilnDone(scene, ["publish"]);
}

const looks = [
  { width: 1280, colorScheme: "light" },
  { width: 1280, colorScheme: "dark" },
  { width: 375, colorScheme: "light" },
  { width: 375, colorScheme: "dark" },
] as const;

const front = () => `${server.url}/index.html`;
const folderFront = () => pathToFileURL(join(scene.store, "index.html")).href;

test.for(looks)("nothing is wrong with any page, $width wide, $colorScheme", async (look) => {
  const { pages, problems } = await walk(browser, front(), look);
  expect(problems).toEqual([]);
  expect([...pages.keys()].map((url) => url.slice(server.url.length + 1)).toSorted()).toEqual([
    "index.html",
    "web/hello/1.0.0/index.html",
    "web/hello/1.1.0-rc.1%2Bb2/index.html",
    "web/hello/1.2.0/index.html",
    "web/hello/index.html",
  ]);
});

test("every link leads somewhere, on the web and in a folder", async () => {
  const [look] = looks;
  const web = await walk(browser, front(), look);
  for (const link of new Set([...web.pages.values()].flat())) {
    const { status } = await fetch(link, { method: "HEAD" });
    expect({ link, status }).toEqual({ link, status: 200 });
  }
  const folder = await walk(browser, folderFront(), look);
  expect(folder.problems).toEqual([]);
  expect(folder.pages.size).toBe(web.pages.size);
  for (const link of new Set([...folder.pages.values()].flat()))
    expect(existsSync(fileURLToPath(link)), link).toBe(true);
});

async function onPage<T>(path: string, work: (page: Page) => Promise<T>): Promise<T> {
  const page = await browser.newPage({ javaScriptEnabled: false });
  try {
    await page.goto(`${server.url}/${path}`);
    return await work(page);
  } finally {
    await page.close();
  }
}

test("the keyboard goes through a page from the top, and to its content at once", async () => {
  await onPage("web/hello/index.html", async (page) => {
    const focused = () => page.locator(":focus").first().textContent();
    await page.keyboard.press("Tab");
    expect(await focused()).toBe("Skip to the content");
    await page.keyboard.press("Tab");
    expect(await focused()).toBe("kiln.test");
    await page.keyboard.press("Tab");
    expect(await focused()).toBe("1.2.0");
  });
});

test("what others wrote is shown as they wrote it", async () => {
  const text = await onPage("web/hello/1.1.0-rc.1%2Bb2/index.html", (page) => page.locator("main").innerText());
  expect(text).toContain("it <script>forgets</script> things");
  expect(text).toMatch(/yanked/);
});

/** Runs lines of a page, as they are, in the clean Debian. */
async function run(lines: ReadonlyMap<string, string>, ...titles: readonly string[]): Promise<string> {
  let said = "";
  for (const title of titles) {
    const found = [...lines].find(([words]) => words.includes(title));
    if (found === undefined) throw new Error(`no lines for ${title} among ${[...lines.keys()].join(" | ")}`);
    // Asks nothing: there is nobody to answer.
    const script = found[1]
      .replaceAll("apt-get install", "apt-get install --yes")
      .replaceAll("apt-get upgrade", "apt-get upgrade --yes");
    said += await debian.run(["sh", "-euc", `cd /root; ${script}`]);
  }
  return said;
}

const installed = async () => (await debian.run(["cat", "/usr/share/hello/version"])).trim();

test("the lines for apt install, with the key that the page shows, and follow the channel forth and back", async () => {
  const lines = await onPage("web/hello/index.html", linesOn);
  const shown = await onPage("web/hello/index.html", (page) => page.locator("#key ~ ul code").first().innerText());
  expect(await run(lines, "look at its fingerprint")).toContain(shown.replaceAll(" ", ""));
  await run(lines, "production Once, with the key", "production Install");
  expect(await installed()).toBe("1.0.0");
  await kilnDone(scene, ["promote", "hello@1.2.0", "production"]);
  await debian.run(["sh", "-c", "apt-get update && apt-get upgrade --yes"]);
  expect(await installed()).toBe("1.2.0");
  await kilnDone(scene, ["promote", "hello@1.0.0", "production"]);
  const back = await onPage("web/hello/index.html", linesOn);
  await run(back, "production To follow the channel also when it goes back");
  expect(await installed()).toBe("1.0.0");
});

test("the lines to download and verify say that all is well, and that it isn't when a byte was changed", async () => {
  const lines = await onPage("web/hello/1.2.0/index.html", linesOn);
  const said = await run(lines, "Fetch it with what lies beside it", "with the key in binary form", "Or with sqv");
  expect(said).toContain(": OK");
  expect(said).toContain("Good signature");
  const root = join(debian.path, "root");
  const own = [...lines].find(([words]) => words.includes("with the trust file that you pinned:"))?.[1] ?? "";
  const file = /^kiln verify (\S+)/.exec(own)?.[1] ?? "";
  await kilnDone(scene, ["verify", join(root, file), "--trust", scene.trustFile]);
  const release = [...lines].find(([words]) => words.startsWith("Check the entry"))?.[1] ?? "";
  expect(release).toBe(`kiln verify hello@1.2.0 --store ${server.url}/ --trust trust.json`);
  await kilnDone(scene, ["verify", "hello@1.2.0", "--store", `${server.url}/`, "--trust", scene.trustFile]);
  const bytes = readFileSync(join(root, file));
  bytes[0]! ^= 1;
  writeFileSync(join(root, file), bytes);
  await expect(run(lines, "with the key in binary form")).rejects.toThrow("BAD signature");
});

test("the audit finds nothing, and each page that somebody changed; a rebuild makes the same pages", async () => {
  await kilnDone(scene, ["audit"]);
  const { pages } = await walk(browser, folderFront(), looks[0]);
  const paths = [...pages.keys()].map((url) => fileURLToPath(url));
  const before = paths.map((path) => readFileSync(path, "utf8"));
  for (const path of paths)
    writeFileSync(path, readFileSync(path, "utf8").replace("</main>", "<p>pay here</p></main>"));
  const { end, stdout } = await kiln(scene, ["audit", "--json"]);
  expect(end).toBe(3);
  expect(JSON.parse(stdout).findings.length).toBeGreaterThanOrEqual(paths.length);
  await kilnDone(scene, ["views", "rebuild"]);
  expect(paths.map((path) => readFileSync(path, "utf8"))).toEqual(before);
  await kilnDone(scene, ["audit"]);
});
