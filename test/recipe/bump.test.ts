import fc from "fast-check";
import { expect, test } from "vitest";

import { compareVersions, parseVersion } from "../../src/artifact/version.ts";
import { type Bump, lineAfter } from "../../src/recipe/bump.ts";
import { nextVersion } from "../../src/recipe/version-line.ts";
import { versions } from "../artifact/version/generated.ts";

const after = (base: string, bump: Bump, taken: readonly string[] = []): string => {
  const { line, least } = lineAfter(base, bump);
  return nextVersion(line, taken, least);
};

test.each<[string, Bump, string, string]>([
  ["1.2.3", { bump: "major" }, "2.0.0", "2.0.1"],
  ["1.2.3", { bump: "minor" }, "1.3.0", "1.3.1"],
  ["1.2.3", { bump: "patch" }, "1.2.4", "1.2.5"],
  ["2026.11", { bump: "minor" }, "2026.12", "2026.13"],
  ["2.0.0-rc.1", { bump: "major" }, "2.0.0", "2.0.1"],
  ["1.3.0-rc.1", { bump: "minor" }, "1.3.0", "1.3.1"],
  ["1.3.1-rc.1", { bump: "minor" }, "1.4.0", "1.4.1"],
  ["1.2.3", { bump: "minor", pre: "rc" }, "1.3.0-rc.1", "1.3.0-rc.2"],
  ["1.3.0-rc.4", { bump: "minor", pre: "rc" }, "1.3.0-rc.5", "1.3.0-rc.6"],
  ["1.3.0-beta.4", { bump: "minor", pre: "rc" }, "1.3.0-rc.1", "1.3.0-rc.2"],
  ["1.2.3", { bump: "minor", pre: "dev" }, "1.3.0-0.dev.1", "1.3.0-0.dev.2"],
  ["1.3.0", { pre: "alpha" }, "1.3.0-alpha.1", "1.3.0-alpha.2"],
  ["1.3.0-rc.4", { bump: "pre" }, "1.3.0-rc.5", "1.3.0-rc.6"],
  ["1.2.3", { bump: "dev" }, "1.2.4-0.dev.1", "1.2.4-0.dev.2"],
  ["1.3.0-rc.4", { bump: "dev" }, "1.3.0-rc.4.0.dev.1", "1.3.0-rc.4.0.dev.2"],
  ["1.2.4-0.dev.7", { bump: "dev" }, "1.2.4-0.dev.8", "1.2.4-0.dev.9"],
  ["1.2.3", { bump: "post" }, "1.2.3+post.1", "1.2.3+post.2"],
  ["1.2.3+post.3.rev.2", { bump: "post" }, "1.2.3+post.4", "1.2.3+post.5"],
  ["1.2.3", { bump: "revision" }, "1.2.3+rev.2", "1.2.3+rev.3"],
  ["1.2.3+post.1.rev.4", { bump: "revision" }, "1.2.3+post.1.rev.5", "1.2.3+post.1.rev.6"],
  ["2026.11", { bump: "epoch" }, "1!2026.11", "1!2026.12"],
  ["1.2.3", { bump: "epoch", pre: "rc" }, "1!1.2.3-rc.1", "1!1.2.3-rc.2"],
])("after %s with %o come %s and %s", (base, bump, first, second) => {
  expect(after(base, bump)).toBe(first);
  expect(after(base, bump, [first])).toBe(second);
});

test("what a bump gives sorts after what it came from, and after what was taken", () => {
  const bump = fc.constantFrom<Bump>(
    ...(["major", "minor", "patch", "dev", "post", "revision", "epoch"] as const).map((it) => ({ bump: it })),
    { bump: "major", pre: "rc" },
  );
  fc.assert(
    fc.property(versions, bump, (base, how) => {
      const version = parseVersion(base);
      fc.pre(version !== undefined && version.build.length === 0 && (version.dev?.marks.length ?? 0) === 0);
      // A pre-release of another sort isn't one that this leads to.
      fc.pre(how.pre === undefined || version.pre.length === 0);
      const next = after(base, how);
      const third = after(base, how, [next]);
      const order = [version, parseVersion(next), parseVersion(third)];
      for (const [one, other] of [order.slice(0, 2), order.slice(1)]) {
        if (one === undefined || other === undefined) throw new Error(`${base} to ${next} to ${third}`);
        expect(compareVersions(one, other), `${base} to ${next} to ${third}`).toBe(-1);
      }
    }),
    { numRuns: 1000 },
  );
});

test("a base without what the bump raises is refused", () => {
  for (const [base, bump] of [
    ["nightly", { bump: "minor" }],
    ["1.2.3", { bump: "pre" }],
    ["1.2.3-rc", { bump: "pre" }],
  ] as const) {
    expect(() => lineAfter(base, bump)).toThrow(expect.objectContaining({ code: "VERSION_UNRESOLVED" }));
  }
});
