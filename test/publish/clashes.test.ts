// What stock clients would take for one is refused before anything is in the log.

import { expect, test } from "vitest";

import { digestOf } from "../../src/artifact/digest.ts";
import { type Artifact, manifestBytes } from "../../src/artifact/manifest.ts";
import { readCheckpoint, logOf } from "../../src/log/checkpoint.ts";
import type { Bake } from "../../src/publish/bake-folder.ts";
import { requireDistinct, requireLegal, requireShowable } from "../../src/publish/clashes.ts";
import { createStore } from "../../src/publish/create-store.ts";
import { promote } from "../../src/publish/promote.ts";
import { publishRelease } from "../../src/publish/release.ts";
import { openMemoryStore } from "../faults/memory-store.ts";
import { bakeOf, publisher, signers, trust } from "../fixtures/publisher.ts";

type Said = Pick<Artifact, "kind" | "record"> & { readonly file?: string };

const deb = (name: string, version: string, architecture = "amd64"): Said => ({
  kind: "deb",
  record: { Package: name, Version: version, Architecture: architecture },
});
const wheel = (name: string, version: string, file = `${name}-${version}-py3-none-any.whl`): Said => ({
  kind: "wheel",
  record: { name, version },
  file,
});
const npm = (name: string, version: string): Said => ({ kind: "npm", record: { name, version } });
const rpm = (name: string, version: string): Said => ({
  kind: "rpm",
  record: { name, version, release: "1", architecture: "noarch" },
});
const chart = (name: string, version: string): Said => ({ kind: "chart", record: { name, version } });

/** A release of these packages: the bytes of each are the bake's only artifact. */
function bakeWith(name: string, version: string, packages: readonly Said[]): Bake {
  const bake = bakeOf({ name, version, commit: digestOf(`${name} ${version}`).slice(0, 12) });
  const [only] = bake.manifest.artifacts as [Artifact];
  const artifacts = packages.map((said, at): Artifact => ({ ...only, ...said, name: `a${at}` }));
  const manifest = { ...bake.manifest, artifacts };
  return { ...bake, manifest, identity: digestOf(manifestBytes(manifest)) };
}

const view = { deb: "apt", wheel: "PyPI", npm: "npm", rpm: "yum", chart: "Helm" } as const;

test.each<[string, Said, Said]>([
  ["the same package twice", deb("app", "1.0"), deb("app", "1.0")],
  ["versions that dpkg takes for one", deb("app", "1.0"), deb("app", "0:1.00-0")],
  ["names that pip takes for one", wheel("My_App", "1.0", "x.whl"), wheel("my-app", "1.0.0", "x.whl")],
  ["metadata, which npm leaves out", npm("app", "1.0.0+a"), npm("app", "1.0.0+b")],
  ["names that differ in capitals only", npm("App", "1.0.0"), npm("app", "1.0.0")],
  ["versions that rpm takes for one", rpm("app", "1.0"), rpm("app", "1_00")],
  ["a chart twice", chart("app", "1.0.0"), chart("app", "1.0.0+a")],
])("one release can't have %s", (_, one, other) => {
  const { manifest } = bakeWith("app", "1.0.0", [one, other]);
  expect(() => requireDistinct(manifest)).toThrow(
    expect.objectContaining({
      code: "NAME_CLASH",
      message: expect.stringContaining(`the ${view[one.kind as keyof typeof view]} view can't show it`) as string,
    }),
  );
});

test.each<[string, Said, RegExp]>([
  [
    "a wheel's version that isn't PEP 440",
    wheel("weird", "1.0.custom.x"),
    /^Python project weird: the PyPI view can't show it: got the version "1\.0\.custom\.x" in weird-1\.0\.custom\.x-py3-none-any\.whl, want one by PEP 440/,
  ],
  [
    "an sdist's",
    { kind: "sdist", record: { name: "weird", version: "1.0-x" }, file: "weird-1.0-x.tar.gz" },
    /got the version "1\.0-x" in weird-1\.0-x\.tar\.gz, want one by PEP 440/,
  ],
  ...["node_modules", "favicon.ico", "-tool", "Tool"].map((name): [string, Said, RegExp] => [
    `the npm package ${name}`,
    { ...npm(name, "1.0.0"), file: "x-1.0.0.tgz" },
    new RegExp(
      `^npm package ${name}: the npm view can't show it: got the name "${name}" in x-1.0.0.tgz, want one that`,
    ),
  ]),
  [
    "a number that npm can't count",
    npm("tool", "99999999999999999999.0.0"),
    /^npm package tool: the npm view .*: got the version "9+\.0\.0" in \S+, want a semantic one/,
  ],
])("refused, as no client would install it: %s", (_, said, message) => {
  expect(() => requireLegal(bakeWith("app", "1.0.0", [said]).manifest)).toThrow(
    expect.objectContaining({ code: "NAME_CLASH", message: expect.stringMatching(message) as string }),
  );
});

test("every spelling that pip reads, and every name that npm installs, is published", () => {
  const versions = ["1", "v1.0", "1!2.0", "1.0-RC.1", "1.0-1", "1.0.post2.dev3", "1.0+ubuntu.1"];
  const names = ["@acme/node_modules", "events", "a.b_c-d", "~x", "@-acme/tool"];
  const all = [...versions.map((version) => wheel("app", version)), ...names.map((name) => npm(name, "1.0.0"))];
  expect(() => requireLegal(bakeWith("app", "1.0.0", all).manifest)).not.toThrow();
});

test("architectures, file names and formats tell packages apart", () => {
  const all = [
    deb("app", "1.0"),
    deb("app", "1.0", "arm64"),
    wheel("app", "1.0"),
    wheel("app", "1.0", "app-1.0-cp311-none-any.whl"),
    npm("app", "1.0.0"),
    npm("@acme/app", "1.0.0"),
    chart("app", "1.0.0"),
  ];
  expect(() => requireDistinct(bakeWith("app", "1.0", all).manifest)).not.toThrow();
});

test.each(["1", "1.x", "v1.2", "x"])("npm takes the channel %s for a range of versions", (channel) => {
  const { manifest } = bakeWith("app", "1.0.0", [npm("app", "1.0.0")]);
  expect(() => requireShowable(manifest, channel)).toThrow(expect.objectContaining({ code: "NAME_CLASH" }));
  expect(() => requireShowable(bakeWith("app", "1.0.0", [deb("app", "1.0.0")]).manifest, channel)).not.toThrow();
});

async function published(...bakes: readonly Bake[]) {
  const store = openMemoryStore();
  await createStore({ store, trust, signer: signers.log, now: 0 });
  for (const bake of bakes) await publishRelease(publisher(store), { bake });
  return {
    store,
    publish: (bake: Bake, channel?: string) =>
      publishRelease(publisher(store), { bake, ...(channel === undefined ? {} : { channel: { channel } }) }),
  };
}

test.each<[string, Bake, Bake, RegExp]>([
  [
    "a package of another name",
    bakeWith("app", "1.0.0", [deb("billing", "1.0")]),
    bakeWith("other", "2.0.0", [deb("billing", "2.0")]),
    /^Debian package billing: the apt view can't show it: got the name other, want app, which released billing first$/,
  ],
  [
    "a project that pip takes for another name's",
    bakeWith("app", "1.0.0", [wheel("My_App", "1.0")]),
    bakeWith("other", "2.0.0", [wheel("my.app", "2.0")]),
    /^Python project my\.app: the PyPI view .* want app, which released My_App first$/,
  ],
  [
    "another spelling of its own package",
    bakeWith("app", "1.0.0", [chart("App", "1.0.0")]),
    bakeWith("app", "1.1.0", [chart("app", "1.1.0")]),
    /another spelling of App/,
  ],
  [
    "a version of its package that has other bytes already",
    bakeWith("app", "1.0.0", [deb("app", "1.0")]),
    bakeWith("app", "1.0.1", [deb("app", "1.00")]),
    /got version 1\.00, which app@1\.0\.0 has already$/,
  ],
  [
    "a version that differs in capitals only",
    bakeWith("app", "1.0.0-RC1", [deb("app", "1.0~RC1")]),
    bakeWith("app", "1.0.0-rc1", [deb("app", "1.0~rc1")]),
    /^app@1\.0\.0-rc1: there is 1\.0\.0-RC1, which differs in capital letters only/,
  ],
  [
    "the same the other way round",
    bakeWith("app", "1.0.0-rc1", [deb("app", "1.0~rc1")]),
    bakeWith("app", "1.0.0-RC1", [deb("app", "1.0~RC1")]),
    /there is 1\.0\.0-rc1, which differs in capital letters only/,
  ],
  [
    "a version that pip doesn't know, before anything is uploaded",
    bakeWith("app", "1.0.0", [wheel("app", "1.0")]),
    bakeWith("app", "1.1.0", [wheel("app", "1.1.custom.x")]),
    /^Python project app: the PyPI view can't show it: got the version "1\.1\.custom\.x"/,
  ],
])("refused: %s", async (_, first, second, message) => {
  const { store, publish } = await published(first);
  const objects = (await Array.fromAsync(store.list(""))).length;
  const size = async () => (await readCheckpoint(store, logOf(trust))).size;
  const before = await size();
  await expect(publish(second)).rejects.toMatchObject({
    code: "NAME_CLASH",
    message: expect.stringMatching(message) as string,
  });
  expect([await size(), (await Array.fromAsync(store.list(""))).length]).toEqual([before, objects]);
  // What is there stays as it was, and may be published again.
  expect((await publish(first)).added).toBe(false);
});

test("a package from elsewhere doesn't take over a name that releases another one, unless somebody says that name", async () => {
  const named = (bake: Bake): Bake => ({ ...bake, isNamedByPackage: true });
  const first = named(bakeWith("acme-tool", "1.0.0", [npm("@acme/tool", "1.0.0")]));
  const { publish } = await published(first);
  const other = bakeWith("acme-tool", "2.0.0", [npm("acme-tool", "2.0.0")]);
  await expect(publish(named(other))).rejects.toMatchObject({
    code: "NAME_CLASH",
    message:
      "npm package acme-tool: the npm view can't show it: got the release name acme-tool, which has the npm package @acme/tool, want one of its own",
    hint: expect.stringContaining("--name") as string,
  });
  // Another format, the package's next version, and what was published before are no clash.
  await publish(named(bakeWith("acme-tool", "1.1.0", [npm("@acme/tool", "1.1.0")])));
  await publish(named(bakeWith("acme-tool", "1.1.0-1", [deb("acme-tool", "1.1.0-1")])));
  expect((await publish(first)).added).toBe(false);
  expect((await publish(other)).added).toBe(true);
  await publish(named(bakeWith("acme-tool", "2.1.0", [npm("acme-tool", "2.1.0")])));
});

test("a later version of the same name is none of it; a channel that npm can't have is refused for npm alone", async () => {
  const { store, publish } = await published(bakeWith("app", "1.0.0", [npm("app", "1.0.0"), wheel("app", "1.0.0")]));
  await publish(bakeWith("app", "1.1.0", [npm("app", "1.1.0"), wheel("App", "1.1.0")]), "staging");
  const selector = { name: "app", by: "version", version: "1.1.0" } as const;
  await expect(promote(publisher(store), selector, "1.x")).rejects.toMatchObject({ code: "NAME_CLASH" });
  await publish(bakeWith("tool", "1.0.0", [deb("tool", "1.0.0")]), "1.x");
});
