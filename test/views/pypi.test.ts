// A channel as a package index: which files its pages list, what an older or an unfinished publisher leaves, and what of it an audit
// finds when somebody changed it. That pip and uv read it is shown in test/acceptance/pypi.test.ts.

import { expect, test } from "vitest";

import { digestOf } from "../../src/artifact/digest.ts";
import { promote } from "../../src/publish/promote.ts";
import { publishRelease } from "../../src/publish/release.ts";
import { retire } from "../../src/publish/retire.ts";
import { unyank, yank } from "../../src/publish/yank.ts";
import { readDocument } from "../../src/stores/read.ts";
import { audit } from "../../src/verify/audit/audit.ts";
import { openMemoryStore } from "../faults/memory-store.ts";
import { type BuiltStore, buildStore, makeBake, testContext } from "../fixtures/store-builder.ts";
import { rebuild } from "./rebuilt.ts";

const at = "pypi/staging/simple/";

function distribution(project: string, version: string, more: Record<string, string> = {}) {
  const text = `Metadata-Version: 2.1\nName: ${project}\nVersion: ${version}\n`;
  const record = { name: project, version, core_metadata: { sha256: digestOf(Buffer.from(text)), text }, ...more };
  const file = project.toLowerCase().replace(/[-_.]+/g, "_");
  return {
    wheel: { kind: "wheel", file: `${file}-${version}-py3-none-any.whl`, record },
    sdist: { kind: "sdist", file: `${file}-${version}.tar.gz`, record },
  };
}

const bakeOf = (name: string, version: string, others = distribution(name, version)) =>
  makeBake({ name, version, commit: digestOf(`${name} ${version}`).slice(0, 40), artifacts: {}, others });

async function read({ store }: Pick<BuiltStore, "store">, key: string): Promise<Buffer | undefined> {
  return (await readDocument(store, key))?.bytes;
}

async function page(built: BuiltStore, project: string) {
  const bytes = await read(built, `${at}${project}/index.json`);
  return JSON.parse(bytes?.toString() ?? "null") as {
    readonly versions: string[];
    readonly files: { readonly filename: string; readonly url: string; readonly yanked?: string }[];
  };
}

async function all({ store }: BuiltStore): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const { key } of store.list("pypi/")) found.set(key, ((await read({ store }, key)) ?? "").toString());
  return found;
}

async function write({ store }: BuiltStore, key: string, bytes: Uint8Array): Promise<void> {
  await store.replace(key, bytes, (await store.head(key))?.etag ?? null);
}

const staging = { channel: "staging" };

async function published(): Promise<BuiltStore> {
  const built = await buildStore(openMemoryStore());
  await publishRelease(built.publisher, { bake: bakeOf("greet", "1.0.0"), channel: staging });
  await publishRelease(built.publisher, { bake: bakeOf("greet", "1.1.0"), channel: staging });
  const bake = bakeOf("others", "2.0.0", distribution("Other_Things", "2.0", { requires_python: "<4,>=3.9" }));
  await publishRelease(built.publisher, { bake, channel: staging });
  return built;
}

const findingsOf = async ({ store, trust }: BuiltStore) => {
  const { findings } = await audit({ store, trust, context: testContext(), since: undefined });
  return findings.map(({ code, subject }) => `${code} ${subject}`);
};

test("a page lists every file that the channel shows, with what an installer decides by, in both forms", async () => {
  const built = await published();
  const projects = JSON.parse((await read(built, `${at}index.json`))!.toString());
  expect(projects).toEqual({ meta: { "api-version": "1.1" }, projects: [{ name: "greet" }, { name: "other-things" }] });
  expect(await page(built, "greet")).toMatchObject({
    versions: ["1.0.0", "1.1.0"],
    files: ["1.0.0-py3-none-any.whl", "1.0.0.tar.gz", "1.1.0-py3-none-any.whl", "1.1.0.tar.gz"].map((file) => ({
      filename: `greet-${file}`,
    })),
  });
  const other = (await page(built, "other-things")).files[0]!;
  const sha256 = /[0-9a-f]{64}/.exec(other.url)?.[0];
  const metadata = await read(built, `${other.url.replace("../../../../", "")}.metadata`);
  const core = { sha256: digestOf(metadata!) };
  expect(other).toMatchObject({
    hashes: { sha256 },
    size: expect.any(Number),
    "upload-time": "2026-01-03T00:00:00Z",
    "requires-python": "<4,>=3.9",
    "core-metadata": core,
    _release: "others@2.0.0",
  });
  expect(other).not.toHaveProperty("dist-info-metadata");
  const html = (await read(built, `${at}other-things/index.html`))!.toString();
  expect(html).toContain(`<a href="${other.url}#sha256=${sha256}" data-requires-python="&#60;4,&#62;=3.9" `);
  expect(html).toContain(`data-core-metadata="sha256=${core.sha256}">`);
  expect(html).not.toContain("dist-info-metadata");
  expect((await read(built, `${at}index.html`))!.toString()).toContain('<a href="other-things/">other-things</a>');
  expect(await findingsOf(built)).toEqual([]);
});

test("a channel that goes back lists nothing newer; a project that nobody shows any more has an empty page", async () => {
  const built = await published();
  await promote(built.publisher, { name: "greet", by: "version", version: "1.0.0" }, "staging");
  expect((await page(built, "greet")).versions).toEqual(["1.0.0"]);
  for (const version of ["3.0.0", "3.1.0", "3.2.0", "3.3.0"]) {
    const bake = bakeOf("others", version, distribution("renamed", version));
    await publishRelease(built.publisher, { bake, channel: staging });
  }
  expect(await page(built, "other-things")).toMatchObject({ versions: [], files: [] });
  expect((await read(built, `${at}index.json`))!.toString()).not.toContain("other-things");
  expect(await findingsOf(built)).toEqual([]);
});

test("what is yanked stays, with the reason, and is taken back; what is retired goes; a rebuild says the same", async () => {
  const built = await published();
  await promote(built.publisher, { name: "greet", by: "version", version: "1.1.0" }, "production");
  const reason = 'writes to <wrong> "files" & more';
  await yank(built.publisher, { name: "greet", version: "1.0.0", reason });
  expect((await page(built, "greet")).files.map(({ yanked }) => yanked)).toEqual([
    reason,
    reason,
    undefined,
    undefined,
  ]);
  expect((await read(built, `${at}greet/index.html`))!.toString()).toContain(
    'data-yanked="writes to &#60;wrong&#62; &#34;files&#34; &#38; more">greet-1.0.0.tar.gz</a>',
  );
  const same = async () => {
    expect(await findingsOf(built)).toEqual([]);
    const before = await all(built);
    for (const key of before.keys()) await built.store.remove(key, Infinity);
    await rebuild(built);
    expect(await all(built)).toEqual(before);
  };
  await same();
  await unyank(built.publisher, { name: "greet", version: "1.0.0" });
  expect((await page(built, "greet")).files.filter(({ yanked }) => yanked !== undefined)).toEqual([]);
  await same();
  await retire(built.publisher, { releases: [{ name: "greet", version: "1.0.0" }], reason });
  expect((await page(built, "greet")).versions).toEqual(["1.1.0"]);
  await same();
});

test("a rebuild gives the same bytes, also from nothing, and mends each document that is spoilt", async () => {
  const built = await published();
  await promote(built.publisher, { name: "greet", by: "version", version: "1.1.0" }, "production");
  const before = await all(built);
  expect(before.size).toBe(10);
  for (const key of before.keys()) await built.store.remove(key, Infinity);
  expect(await all(built)).toEqual(new Map());
  await rebuild(built);
  expect(await all(built)).toEqual(before);
  for (const spoil of [() => Buffer.from("spoilt"), (bytes: string) => Buffer.from(bytes).subarray(0, -9)]) {
    for (const [key, bytes] of before) await write(built, key, spoil(bytes));
    expect((await findingsOf(built)).length).toBeGreaterThanOrEqual(8);
    await rebuild(built);
    expect(await all(built)).toEqual(before);
    expect(await findingsOf(built)).toEqual([]);
  }
});

test.each(["greet/index.json", "greet/index.html", "index.json"])(
  "a publisher who finds %s spoilt says so, names it and what mends it; an audit finds it",
  async (document) => {
    const built = await published();
    const key = at + document;
    const whole = (await read(built, key))!;
    for (const [version, bytes] of [
      ["1.2.0", Buffer.from("spoilt")],
      ["1.3.0", whole.subarray(0, -9)],
    ] as const) {
      await write(built, key, bytes);
      expect(await findingsOf(built)).toContain(`STORE_CORRUPT ${key}`);
      const { wheel } = distribution(`new-in-${version}`, version);
      const next = bakeOf("greet", version, { ...distribution("greet", version), wheel });
      await expect(publishRelease(built.publisher, { bake: next, channel: staging })).rejects.toMatchObject({
        code: "STORE_CORRUPT",
        message: expect.stringContaining(key),
        hint: expect.stringContaining("kiln views rebuild"),
      });
      await rebuild(built);
      expect((await page(built, "greet")).versions).toContain(version);
      expect(await findingsOf(built)).toEqual([]);
    }
  },
);

test("an audit finds a file, a page or a project that no move gives, and one that is withheld", async () => {
  const built = await published();
  const spoilt = async (key: string, change: (text: string) => string | undefined): Promise<string[]> => {
    const whole = await read(built, key);
    const text = change(whole?.toString() ?? "");
    if (text === undefined) await built.store.remove(key, Infinity);
    else await write(built, key, Buffer.from(text));
    const findings = await findingsOf(built);
    if (whole === undefined) await built.store.remove(key, Infinity);
    else await write(built, key, whole);
    return findings;
  };
  const greet = `${at}greet/index.json`;
  const other = (await read(built, greet))!.toString();
  const mismatch = (key: string) => [`VIEW_MISMATCH ${key}`];
  expect(await spoilt(greet, (text) => text.replaceAll(/"sha256":"./g, '"sha256":"0'))).toEqual(mismatch(greet));
  expect(await spoilt(`${at}greet/index.html`, (text) => text.replace("<br>", ""))).toEqual(
    mismatch(`${at}greet/index.html`),
  );
  expect(await spoilt(greet, () => undefined)).toEqual([`OBJECT_MISSING ${greet}`]);
  expect(await spoilt(`${at}index.json`, (text) => text.replace('{"name":"greet"},', ""))).toEqual(
    mismatch(`${at}index.json`),
  );
  expect(await spoilt(`${at}index.html`, (text) => text.replace("greet", "great"))).toEqual(
    mismatch(`${at}index.html`),
  );
  const planted = `${at}planted/index.json`;
  expect(await spoilt(planted, () => other)).toEqual(mismatch(planted));
  expect(
    await spoilt("pypi/other/simple/index.json", () => '{"meta":{"api-version":"1.1"},"projects":[{"name":"x"}]}'),
  ).toEqual(mismatch("pypi/other/simple/index.json"));
  expect(await spoilt(`${at}planted/x.whl`, () => "x")).toEqual([`OBJECT_UNKNOWN ${at}planted/x.whl`]);
  expect(await findingsOf(built)).toEqual([]);
});
