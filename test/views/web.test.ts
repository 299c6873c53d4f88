// The pages for people: what they say, that nothing in them is anybody else's markup, that they are the same however they came to be,
// and that a store with many names and releases asks no more of a publish than one with few.

import fc from "fast-check";
import { HtmlValidate } from "html-validate";
import { expect, test } from "vitest";

import type { Leaf, ReleaseLeaf } from "../../src/artifact/leaf.ts";
import { servedAs } from "../../src/stores/served-as.ts";
import { perPage } from "../../src/views/web/fold.ts";
import { webKeys } from "../../src/views/web/keys.ts";
import { readPage } from "../../src/views/web/page.ts";
import { readFrontState, readNameState } from "../../src/views/web/state.ts";
import { word } from "../../src/views/web/text.ts";
import { bakeOf } from "../fixtures/publisher.ts";
import { richBake } from "../fixtures/rich-bake.ts";
import { about, publicUrl, type WebWorld, webWorld } from "./web-world.ts";

const small = (name: string, version: string) => bakeOf({ name, version, commit: "a" });

const textAt = ({ objects }: Pick<WebWorld, "objects">, key: string): string => {
  const bytes = objects.get(key);
  if (bytes === undefined) throw new Error(`no ${key}`);
  return Buffer.from(bytes).toString();
};

function move(world: WebWorld, release: ReleaseLeaf, channel: string): void {
  const before = world.leaves.filter(({ leaf }) => isMoveOf(leaf, release.name, channel));
  const follows = before.at(-1)?.index ?? null;
  world.append({ type: "channel", ...about(release), channel, counter: before.length + 1, follows });
}

const isMoveOf = (leaf: Leaf, name: string, channel: string): boolean =>
  leaf.type === "channel" && leaf.name === name && leaf.channel === channel;

test("a page says what a release is made of, and the name's page what its channels show and how to install it", async () => {
  const world = webWorld();
  const gate = { name: "unit", demand: { sort: "check", check: "unit" } } as const;
  const checks = { unit: "passed", lint: "failed" } as const;
  const leaf = await world.release(
    richBake({ name: "invoices", version: "1.4.1+git", commit: "abc", checks, gates: [gate] }),
  );
  move(world, leaf, "staging");
  await world.take();
  const release = textAt(world, "web/invoices/1.4.1+git/index.html");
  const { artifacts } = richBake({ name: "invoices", version: "1.4.1+git", commit: "abc" }).manifest;
  for (const { file, sha256, sbom } of artifacts)
    for (const text of [file, sha256, sbom.file]) expect(release).toContain(text);
  for (const text of ["bookworm", "trixie", "abc000", "kiln.yaml", "5.1.0", "MIT OR Apache-2.0", "passed", "failed"]) {
    expect(release).toContain(text);
  }
  expect(release).toContain(`${publicUrl}pool/sha256/`);
  const name = textAt(world, "web/invoices/index.html");
  expect(name).toContain("sudo apt-get install invoices");
  expect(name).toContain(`URIs: ${publicUrl}`);
  expect(name).toContain("0000 0000");
  expect(name).toContain("kiln-deploy deploy invoices:staging");
  // S3 reads a bare + as a space.
  expect(name).toContain('href="../../web/invoices/1.4.1%2Bgit/index.html"');
  expect(textAt(world, "index.html")).toContain('href="web/invoices/index.html"');
});

test("the page of an import says what is known of its origin, and claims no build", async () => {
  const world = webWorld();
  const { manifest, ...bake } = small("app", "1.0.0");
  const files = manifest.artifacts.map(({ name, size, sha256 }) => ({
    artifact: name,
    name: "vendor.bin",
    size,
    sha256,
  }));
  const imported = { origin: "https://vendor.example.com/app/", note: "ticket 4711", files };
  const source = { repository: null, commit: null, recipe: "", time: 0 };
  await world.release({ ...bake, manifest: { ...manifest, source, imported } });
  await world.take();
  const page = textAt(world, "web/app/1.0.0/index.html");
  for (const text of [
    "ticket 4711",
    "vendor.bin",
    'href="https://vendor.example.com/app/"',
    "--type urn:kiln:import:v1",
  ]) {
    expect(page).toContain(text);
  }
  for (const invented of ["Commit", "Recipe", "Bake key", "Provenance", "SLSA", "1970", "slsaprovenance"]) {
    expect(page).not.toContain(invented);
  }
});

test("what is said of a release later stands on its page and on the name's", async () => {
  const world = webWorld();
  const first = await world.release(small("app", "1.0.0"));
  move(world, first, "staging");
  await world.take();
  const before = textAt(world, "web/app/1.0.0/index.html");
  world.append({ type: "alias", ...about(first), alias: "v1.0" });
  const predicateType = "urn:kiln:rebuild:v1";
  world.append({ type: "attestation", ...about(first), predicateType, digest: "d".repeat(64) });
  world.append({ type: "yank", ...about(first), reason: "it <b>loses</b> data" });
  const refused = { gate: "coverage", channel: "production", got: "lines 71", wanted: "at least 80" };
  world.append({ type: "refusal", ...about(first), ...refused });
  await world.take();
  const after = textAt(world, "web/app/1.0.0/index.html");
  expect(before).not.toContain("v1.0<");
  expect(after).toContain("v1.0");
  expect(after).toContain(`${"d".repeat(64)}/attestation.json`);
  expect(after).toContain("it &lt;b&gt;loses&lt;/b&gt; data");
  const name = textAt(world, "web/app/index.html");
  for (const text of ["coverage: got lines 71, want at least 80", 'bad">yanked']) expect(name).toContain(text);
  world.append({ type: "unyank", ...about(first) });
  world.append({ type: "retire", ...about(first), reason: "nobody runs it" });
  await world.take();
  const last = textAt(world, "web/app/1.0.0/index.html");
  expect(last).not.toContain("loses");
  expect(last).toContain("nobody runs it");
  // What may be gone isn't linked.
  expect(last).not.toMatch(/href="[^"]*app-1\.0\.0\.bin"/);
  expect(world.objects).toEqual(await world.afresh());
});

test("a slower publisher, or one that does it all again, takes nothing back", async () => {
  const world = webWorld();
  const first = await world.release(small("app", "1.0.0"));
  move(world, first, "staging");
  await world.take();
  world.append({ type: "alias", ...about(first), alias: "v1" });
  const second = await world.release(small("app", "1.1.0"));
  move(world, second, "staging");
  await world.take();
  const done = new Map(world.objects);
  await world.take(0);
  expect(world.objects).toEqual(done);
  world.requests.length = 0;
  await world.take(0);
  expect(world.requests.filter((one) => one.startsWith("put"))).toEqual([]);
});

test("however the leaves came in, the pages are those of one go", async () => {
  const step = fc.record({
    name: fc.constantFrom("app", "billing"),
    what: fc.constantFrom("release", "move", "alias", "attest", "refuse", "yank", "unyank", "retire", "take", "again"),
    which: fc.nat(9),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const world = webWorld();
      const releases: ReleaseLeaf[] = [];
      for (const [at, { name, what, which }] of steps.entries()) {
        if (what === "take") await world.take();
        if (what === "again") await world.take(0);
        if (what === "release") releases.push(await world.release(small(name, `1.0.${at}`)));
        const release = releases[which % Math.max(1, releases.length)];
        if (release === undefined) continue;
        if (what === "move") move(world, release, which < 5 ? "staging" : "production");
        if (what === "alias") world.append({ type: "alias", ...about(release), alias: `v${at}` });
        if (what === "unyank") world.append({ type: "unyank", ...about(release) });
        if (what === "yank" || what === "retire") world.append({ type: what, ...about(release), reason: `${at}` });
        const refused = { gate: "unit", channel: null, got: "failed", wanted: "passed" };
        if (what === "refuse") world.append({ type: "refusal", ...about(release), ...refused });
        const attested = { predicateType: "urn:x", digest: "e".repeat(64) };
        if (what === "attest") world.append({ type: "attestation", ...about(release), ...attested });
      }
      await world.take();
      expect(world.objects).toEqual(world.leaves.length === 0 ? new Map() : await world.afresh());
    }),
    { numRuns: 25 },
  );
});

test("a name with hundreds of releases has pages of older ones, and what is said of one of those reaches its page", async () => {
  const world = webWorld();
  const all: ReleaseLeaf[] = [];
  for (let at = 0; at < 3 * perPage + 5; at++) {
    const leaf = await world.release(small("app", `1.0.${at}`));
    all.push(leaf);
    move(world, leaf, "staging");
    if (at % 50 === 0) await world.take();
  }
  await world.take();
  const { releases, olderReleases, olderEvents } = readNameState(world.objects.get(webKeys.name("app"))!, "x");
  expect([releases.length, olderReleases.length, olderEvents?.count]).toEqual([perPage + 5, 2, 2 * perPage]);
  const [superseded, kept] = olderReleases.map(({ digest }) => webKeys.older("app", digest));
  world.requests.length = 0;
  world.append({ type: "alias", ...about(all[7]!), alias: "lucky" });
  await world.take();
  // It is renewed: gc leaves it to whoever read the page that led there.
  const renewed = world.requests.filter((one) => one.startsWith("once web/app/_/"));
  expect(renewed).toHaveLength(2);
  expect(renewed).toContain(`once ${superseded}`);
  expect(renewed).not.toContain(`once ${kept}`);
  const page = readNameState(world.objects.get(webKeys.name("app"))!, "x").olderReleases[0]!;
  expect(textAt(world, webKeys.older("app", page.digest))).toContain("lucky");
  expect(textAt(world, webKeys.release("app", "1.0.7"))).toContain("lucky");
  // Pages that were replaced stay until gc.
  for (const [key, bytes] of await world.afresh()) expect(world.objects.get(key), key).toEqual(bytes);
});

test("a publish asks as much of a store with many names and releases as of one with few", async () => {
  const world = webWorld();
  for (let at = 0; at < 2 * perPage + 20; at++) {
    const leaf = await world.release(small(`name-${at}`, "1.0.0"));
    move(world, leaf, "staging");
    if (at === 0) await world.take();
  }
  await world.take();
  const front = readFrontState(world.objects.get("index.html")!, "index.html");
  expect(front.pages.reduce((sum, { count }) => sum + count, 0)).toBe(2 * perPage + 20);
  expect(front.recent.length).toBe(100);
  world.requests.length = 0;
  move(world, await world.release(small("name-3", "1.0.1")), "staging");
  await world.take();
  expect(world.requests.filter((one) => !one.includes("web/_/"))).toEqual([
    "get web/name-3/index.html",
    "once web/name-3/1.0.1/index.html",
    "put web/name-3/index.html",
    "get index.html",
    "put index.html",
  ]);
  for (const [key, bytes] of await world.afresh()) expect(world.objects.get(key), key).toEqual(bytes);
});

const hostile = `"><script>alert(1)</script><img src=x onerror='alert(2)'>&lt;!-- \u202Eevil\u0007 \`$(id)`;

async function hostileWorld(): Promise<WebWorld> {
  const world = webWorld();
  const components = [
    {
      name: hostile,
      version: hostile,
      purl: hostile,
      licenses: [{ expression: hostile }, { license: { name: hostile } }],
    },
    7,
  ];
  const bake = richBake({
    name: "app",
    version: "index.html",
    commit: "a",
    summary: hostile,
    repository: `javascript:alert(1)//${hostile}`,
    components,
    reports: { tests: { format: hostile, numbers: { [hostile]: 1 } } },
  });
  const leaf = await world.release(bake);
  move(world, leaf, "staging");
  world.append({ type: "refusal", ...about(leaf), gate: "unit", channel: null, got: hostile, wanted: hostile });
  world.append({ type: "attestation", ...about(leaf), predicateType: hostile, digest: "e".repeat(64) });
  await world.take();
  return world;
}

test("what others wrote is text, wherever it stands", async () => {
  const world = await hostileWorld();
  expect(world.objects.has("web/app/_index.html/index.html")).toBe(true);
  for (const [key, bytes] of world.objects) {
    if (!key.endsWith(".html")) continue;
    const text = Buffer.from(bytes).toString();
    expect(text, key).not.toMatch(/<(?:script|img|iframe|object|form)|javascript:[^/]*"|href="javascript|\u202E/i);
    // Scripts, frames, fonts, requests: none, whatever slipped through.
    expect(text, key).toContain("default-src 'none'; style-src 'self'");
    expect(text, key).not.toMatch(/ on[a-z]+="| style="/);
    expect(readPage(bytes, key).version).toBe(1);
  }
});

test("every page is valid HTML", async () => {
  const validator = new HtmlValidate({
    extends: ["html-validate:recommended", "html-validate:a11y"],
    rules: {
      // How the templates are written here: <br />, and one attribute in single quotes.
      "void-style": "off",
      "attr-quotes": "off",
      "no-trailing-whitespace": "off",
      "long-title": "off",
    },
  });
  const plain = webWorld();
  const gates = [{ name: "unit", demand: { sort: "check", check: "unit" } } as const];
  for (let at = 0; at < 105; at++) move(plain, await plain.release(small(`n${at}`, "1.0.0")), "staging");
  const rich = await plain.release(
    richBake({ name: "rich", version: "1.0.0", commit: "a", gates, attested: ["unit"] }),
  );
  move(plain, rich, "staging");
  await plain.take();
  const pages = [...(await hostileWorld()).objects, ...plain.objects].filter(
    ([key]) => key.endsWith(".html") && !/^web\/n[1-9]/.test(key),
  );
  expect(pages.length).toBeGreaterThan(7);
  for (const [key, bytes] of pages) {
    const { results } = await validator.validateString(Buffer.from(bytes).toString(), key);
    expect(
      results.flatMap(({ messages }) =>
        messages.map(({ ruleId, message, line }) => `${key}:${line} ${ruleId} ${message}`),
      ),
    ).toEqual([]);
  }
});

test("a page that somebody cut or spoilt is told from a whole one", async () => {
  const world = webWorld();
  move(world, await world.release(small("app", "1.0.0")), "staging");
  await world.take();
  for (const key of ["index.html", "web/app/index.html"]) {
    const bytes = world.objects.get(key)!;
    const spoilt = Buffer.from(bytes);
    spoilt[spoilt.length >> 1]! ^= 1;
    for (const other of [bytes.subarray(0, bytes.length - 1), bytes.subarray(0, 100), Buffer.from("x"), spoilt]) {
      world.objects.set(key, other);
      move(world, world.leaves[0]!.leaf as ReleaseLeaf, "production");
      await expect(world.take(0)).rejects.toMatchObject({
        code: "STORE_CORRUPT",
        message: expect.stringContaining(key),
        hint: expect.stringContaining("kiln views rebuild"),
      });
    }
    world.objects.set(key, bytes);
  }
});

test("words of a shell are what they were", () => {
  expect([word("a-b/c.d"), word("1.0!x"), word("it's"), word("$(x)")]).toEqual([
    "a-b/c.d",
    "'1.0!x'",
    "'it'\\''s'",
    "'$(x)'",
  ]);
});

test("what lies under its digest is served for ever, pages are asked for again", () => {
  const digest = "a".repeat(64);
  for (const key of [webKeys.style(digest), webKeys.names(digest), webKeys.older("app", digest)]) {
    expect(servedAs(key).CacheControl).toContain("immutable");
  }
  for (const key of [webKeys.front, webKeys.name("app"), webKeys.release("app", "1.0.0")]) {
    expect(servedAs(key)).toEqual({ ContentType: "text/html; charset=utf-8", CacheControl: "no-cache" });
  }
  expect(servedAs(webKeys.style(digest)).ContentType).toBe("text/css; charset=utf-8");
});
