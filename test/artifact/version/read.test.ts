// Versions that others wrote, and their way back.

import fc from "fast-check";
import { expect, test } from "vitest";

import { debVersion, parseVersion, pythonVersion, readDebian, readPython } from "../../../src/artifact/version.ts";
import { isKilnError } from "../../../src/errors.ts";
import { versions } from "./generated.ts";
import { pythonOrders } from "./orders.ts";

test.each([
  ["1.2.0rc1", "1.2.0-rc.1"],
  [" v1.2.0-RC_1\n", "1.2.0-rc.1"],
  ["1.2.0a", "1.2.0-alpha.0"],
  ["1.2.0.preview2", "1.2.0-rc.2"],
  ["1.2.0-1", "1.2.0+post.1"],
  ["1.2.0.r4", "1.2.0+post.4"],
  ["1.2.0.dev", "1.2.0-0.dev.0"],
  ["1.2.0rc2.dev3", "1.2.0-rc.1.0.dev.3"],
  ["1.2.4.dev5+g0123456789ab", "1.2.4-0.dev.5.g0123456789ab"],
  ["1!2026.01", "1!2026.1"],
  ["1.2.0+cu118", "1.2.0+cu118"],
  ["1.2.0.post1.dev2", undefined],
  ["1.2.0rc0.dev2", undefined],
  ["1.2.0.dev2+local.1", "1.2.0-0.dev.2+local.1"],
  ["1.2.0.dev2+g0123456789ab.x", undefined],
  ["latest", undefined],
  ["", undefined],
])("Python's %j is %s", (text, version) => {
  expect(readPython(text)).toBe(version);
});

test.each([
  ["1.2.0", "1.2.0"],
  ["1:1.2.0~rc.1-2", "1!1.2.0-rc.1+rev.2"],
  ["1.2.0~rc1", "1.2.0-rc.1"],
  ["1.2.0+dfsg-1", "1.2.0+rev.1.dfsg"],
  ["1.2.0+post.1-2", "1.2.0+post.1.rev.2"],
  ["1.2.0-1ubuntu1", undefined],
  ["1.2.0-1~bpo12+1", undefined],
  ["20261121git", undefined],
])("Debian's %j is %s", (text, version) => {
  expect(readDebian(text)).toBe(version);
});

test("what is written in a format's way is read back", async () => {
  const wrong: string[] = [];
  const python: string[] = [];
  for (const text of fc.sample(versions, { numRuns: 3000, seed: 5 })) {
    for (const [write, read] of [
      [pythonVersion, readPython],
      [debVersion, readDebian],
    ] as const) {
      try {
        const written = write(text);
        if (write === pythonVersion) python.push(written);
        // Debian's way has words without a number, which Python's reader knows by other names.
        if (read(written) !== text) wrong.push(`${text} → ${written} → ${read(written)}`);
      } catch (error) {
        if (!isKilnError(error, "VERSION_UNMAPPABLE", "NAME_INVALID")) throw error;
      }
    }
  }
  expect(wrong).toEqual([]);
  expect(python.length).toBeGreaterThan(500);
  await pythonOrders(python.map((it) => [it, it]));
});

test("any text is a version of ours or undefined", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9a-z.+~!:_-]{1,15}$/)), (text) => {
      for (const read of [readPython, readDebian]) {
        const version = read(text);
        if (version !== undefined) expect(parseVersion(version)).toBeDefined();
      }
    }),
    { numRuns: 2000 },
  );
});
