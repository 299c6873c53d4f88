// A release that a channel went back from, yanked: what each view shows of it until it is taken back into use, shown once more, or
// retired; of what is named, none is left behind. By the writer, by a rebuild, by an audit, and in a mirror of the channel alone.

import { gunzipSync } from "node:zlib";

import { beforeEach, expect, test } from "vitest";

import { promote } from "../../src/publish/promote.ts";
import { publishRelease } from "../../src/publish/release.ts";
import { retire } from "../../src/publish/retire.ts";
import { unyank, yank } from "../../src/publish/yank.ts";
import { readDocument } from "../../src/stores/read.ts";
import type { Store } from "../../src/stores/store.ts";
import { sync } from "../../src/sync/sync.ts";
import { audit } from "../../src/verify/audit/audit.ts";
import { openMemoryStore } from "../faults/memory-store.ts";
import { everyFormat, signingOnce } from "../fixtures/every-format.ts";
import { type BuiltStore, buildStore, testContext } from "../fixtures/store-builder.ts";
import { followed, said } from "./every-view.ts";
import { rebuild } from "./rebuilt.ts";

const reason = "writes to the wrong files";
let built: BuiltStore;
let problems: string[];

beforeEach(async () => {
  problems = [];
  built = await buildStore(followed(openMemoryStore(), (what) => problems.push(what)));
  built = { ...built, publisher: { ...built.publisher, signers: signingOnce(built.signers) } };
  for (const version of ["1.0.0", "1.1.0", "1.2.0"]) await publish(version);
});

const publish = (version: string) =>
  publishRelease(built.publisher, { bake: everyFormat("tool", version), channel: { channel: "staging" } });
const tool = (version: string) => ({ name: "tool", version });
const lead = (version: string) => promote(built.publisher, { ...tool(version), by: "version" }, "staging");

/** The versions that the channel's repositories list; of the package index those that are yanked have a mark. */
async function listed(store: Store) {
  const read = async (key: string) => (await readDocument(store, key))?.bytes ?? Buffer.alloc(0);
  const versionsIn = (text: string, pattern: RegExp) =>
    [...new Set([...text.matchAll(pattern)].map(([, version]) => version))].toSorted().join(" ");
  const packages = gunzipSync(await read("dists/staging/main/binary-amd64/Packages.gz")).toString();
  const [primary = ""] =
    /repodata\/[0-9a-f]{64}-primary.xml.gz/.exec(`${await read("rpm/staging/repodata/repomd.xml")}`) ?? [];
  const { files } = JSON.parse(`${await read("pypi/staging/simple/tool/index.json")}`) as {
    readonly files: readonly { readonly _version: string; readonly yanked?: string }[];
  };
  const marked = files.map(({ _version: version, yanked }) => `${version}${yanked === reason ? "*" : ""}`);
  return {
    apt: versionsIn(packages, /^Version: (.*)$/gm),
    yum: versionsIn(gunzipSync(await read(`rpm/staging/${primary}`)).toString(), /<version [^>]*ver="([^"]*)"/g),
    helm: versionsIn(`${await read("charts/staging/index.yaml")}`, /"version":"([^"]*)"/g),
    pypi: [...new Set(marked)].toSorted().join(" "),
  };
}

async function everywhere(): Promise<Awaited<ReturnType<typeof listed>>> {
  const { store, trust } = built;
  const check = async (of: Store, ...notes: string[]) => {
    const { findings } = await audit({ store: of, trust, context: testContext(), since: undefined });
    expect(findings.filter(({ code }) => !notes.includes(code))).toEqual([]);
  };
  await check(store);
  const shown = await listed(store);
  const mirror = openMemoryStore();
  await sync({
    ...{ source: store, target: mirror, trust, asked: { channels: ["staging"] }, publicUrl: undefined, all: false },
    ...{ context: testContext(), pause: async () => {} },
  });
  await check(mirror, "MIRROR_PARTIAL");
  expect(await listed(mirror)).toEqual(shown);
  const before = await said(store);
  await rebuild(built);
  expect(await said(store)).toEqual(before);
  expect(problems).toEqual([]);
  return shown;
}

const only = (all: string, pypi = all) => ({ apt: all, yum: all, helm: all, pypi });

test("a yanked release that the channel went back from is listed where clients know that it is yanked, and nowhere else", async () => {
  await yank(built.publisher, { ...tool("1.2.0"), reason, moveTo: "1.1.0" });
  expect(await everywhere()).toEqual(only("1.0.0 1.1.0", "1.0.0 1.1.0 1.2.0*"));
  await unyank(built.publisher, tool("1.2.0"));
  expect(await everywhere()).toEqual(only("1.0.0 1.1.0"));
  await lead("1.2.0");
  expect(await listed(built.store)).toEqual(only("1.0.0 1.1.0 1.2.0"));
});

test("it may be yanked when the channel is back already; and goes when it is retired", async () => {
  await lead("1.0.0");
  await yank(built.publisher, { ...tool("1.2.0"), reason });
  await yank(built.publisher, { ...tool("1.1.0"), reason });
  expect(await everywhere()).toEqual(only("1.0.0", "1.0.0 1.1.0* 1.2.0*"));
  await retire(built.publisher, { releases: [tool("1.2.0")], reason });
  await unyank(built.publisher, tool("1.1.0"));
  await retire(built.publisher, { releases: [tool("1.1.0")], reason });
  expect(await everywhere()).toEqual(only("1.0.0"));
});

test("it takes no place of what the channel shows", async () => {
  for (const version of ["1.3.0", "1.4.0"]) await publish(version);
  await yank(built.publisher, { ...tool("1.4.0"), reason, moveTo: "1.3.0" });
  expect(await everywhere()).toEqual(only("1.0.0 1.1.0 1.2.0 1.3.0", "1.0.0 1.1.0 1.2.0 1.3.0 1.4.0*"));
  await publish("1.5.0");
  expect(await listed(built.store)).toEqual(only("1.2.0 1.3.0 1.5.0", "1.2.0 1.3.0 1.4.0* 1.5.0"));
});
