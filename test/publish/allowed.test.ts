import { expect, test } from "vitest";

import { checkKeys, checkStatement } from "../../src/publish/allowed.ts";
import { createStore } from "../../src/publish/create-store.ts";
import { publishRelease } from "../../src/publish/release.ts";
import { openMemoryStore } from "../faults/memory-store.ts";
import { bakeOf, publisher, signers, trust } from "../fixtures/publisher.ts";

const refused = expect.objectContaining({ code: "KEY_NOT_ALLOWED" });

test("each key at hand must be the one that the trust file has for its role", () => {
  checkKeys({ signers, trust }, "log", "release", "openpgp");
  const other = {
    log: { ...signers.log, vkey: `${signers.log.vkey}x` },
    release: { ...signers.release, publicKey: "AAAA" },
    openpgp: { ...signers.openpgp, fingerprint: "f".repeat(40) },
  };
  for (const role of ["log", "release", "openpgp"] as const) {
    const mixed = { signers: { ...signers, [role]: other[role] }, trust };
    expect(() => checkKeys(mixed, role)).toThrow(refused);
    expect(() => checkKeys(mixed, "log", "release", "openpgp")).toThrow(`${role} key`);
  }
});

test("a statement is allowed for the key's names, channels and part of the log only", () => {
  const [key] = trust.release;
  const narrow = { ...trust, release: [{ ...key!, names: ["web*"], channels: ["staging"], from: 3, until: 9 }] };
  const check = (statement: Parameters<typeof checkStatement>[1], index: number) =>
    checkStatement({ signers, trust: narrow }, statement, index);
  check({ type: "release", name: "website" }, 3);
  check({ type: "channel", name: "web", channel: "staging" }, 8);
  expect(() => check({ type: "release", name: "app" }, 3)).toThrow(refused);
  expect(() => check({ type: "channel", name: "web", channel: "production" }, 3)).toThrow(refused);
  expect(() => check({ type: "release", name: "web" }, 2)).toThrow(refused);
  expect(() => check({ type: "release", name: "web" }, 9)).toThrow(refused);
});

test("what the commit would refuse isn't uploaded", async () => {
  const store = openMemoryStore();
  await createStore({ store, trust, signer: signers.log, now: 0 });
  const before = store.snapshot();
  const bake = bakeOf({ name: "app", version: "1.0.0", commit: "a" });
  const [key] = trust.release;
  for (const change of [{ names: ["web"] }, { channels: ["other"] }, { until: 0 }]) {
    const narrow = { ...publisher(store), trust: { ...trust, release: [{ ...key!, ...change }] } };
    await expect(publishRelease(narrow, { bake, channel: { channel: "staging" } })).rejects.toThrow(refused);
    expect(store.snapshot()).toBe(before);
  }
});
