import fc from "fast-check";
import { expect, test } from "vitest";

import { channelSchema } from "../../src/artifact/name.ts";
import { channelOf, channelRulesSchema } from "../../src/recipe/channel.ts";
import { matches } from "../../src/recipe/ref-rule.ts";

const rules = channelRulesSchema.parse([
  { branch: "master", channel: "staging" },
  { tag: "v*", channel: "production" },
  { branch: "*", channel: "branch-${slug}" },
]);

test.each([
  ["refs/heads/master", "staging"],
  ["refs/tags/v1.2.3", "production"],
  ["refs/heads/feature-x", "branch-feature-x"],
  ["refs/heads/release_1.2", "branch-release_1.2"],
  ["refs/tags/1.2.3", undefined],
  ["refs/tags/master", undefined],
  ["refs/remotes/origin/master", undefined],
  ["refs/pull/1/merge", undefined],
  ["master", undefined],
  ["", undefined],
])("%s publishes to %s", (ref, channel) => {
  expect(channelOf(rules, ref)).toBe(channel);
});

test("a branch never reaches the channel of a rule for tags, whatever its name", () => {
  for (const name of ["v1.2.3", "release/v2.0.0", "tags/v1", "refs/tags/v1.0.0", "production", "staging", "v"]) {
    expect(channelOf(rules, `refs/heads/${name}`)).toMatch(/^branch-/);
  }
  fc.assert(
    fc.property(fc.string(), (name) => {
      if (name !== "master") expect(channelOf(rules, `refs/heads/${name}`)).toMatch(/^branch-/);
    }),
  );
});

test("the first rule that matches counts", () => {
  const ordered = channelRulesSchema.parse([
    { branch: "release/*", channel: "candidate" },
    { branch: "*", channel: "other" },
    { branch: "release/1", channel: "never" },
  ]);
  expect(channelOf(ordered, "refs/heads/release/1")).toBe("candidate");
  expect(channelOf(ordered, "refs/heads/my-release/1")).toBe("other");
});

test("a name that the slug can't spell is told from others by a hash of the ref", () => {
  const slug = (name: string) => channelOf(rules, `refs/heads/${name}`);
  expect(slug("feature/x")).toMatch(/^branch-feature-x-[0-9a-f]{12}$/);
  const alike = [
    "feature/x",
    "feature-x",
    "Feature-x",
    "feature//x",
    "feature-x-",
    "feature x",
    "featureéx",
    "a..b",
    "a-b",
    "---",
  ];
  expect(new Set(alike.map(slug)).size).toBe(alike.length);
  expect(slug("long".repeat(60))).toHaveLength("branch-".length + 58);
});

test("nobody can name a branch so that it takes the channel of another", () => {
  const taken = channelOf(rules, "refs/heads/feature/x") ?? "";
  expect(channelOf(rules, `refs/heads/${taken.replace("branch-", "")}`)).not.toBe(taken);
});

test("two refs of one sort never have one slug, and every one is a channel", () => {
  const name = fc.stringMatching(/^[aA0/._-]{1,7}$/);
  fc.assert(
    fc.property(name, name, (one, other) => {
      const [first = "", second = ""] = [one, other].map((it) => channelOf(rules.slice(2), `refs/heads/${it}`));
      expect(channelSchema.safeParse(first).success).toBe(true);
      expect(first === second).toBe(one === other);
    }),
    { numRuns: 1000 },
  );
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 300 }), (any) => {
      expect(channelSchema.safeParse(channelOf(rules.slice(2), `refs/heads/${any}`)).success).toBe(true);
    }),
  );
});

test("a pattern is for the whole name, and only * is special", () => {
  expect(matches("a.c", "abc")).toBe(false);
  expect(matches("a*c", "a/b/c")).toBe(true);
  expect(matches("a*a", "a")).toBe(false);
  expect(matches("*", "")).toBe(true);
  expect(matches("a**b", "ab")).toBe(true);
  expect(matches("*a*b*", "xaxbx")).toBe(true);
  expect(matches("*ab*ab", "ab")).toBe(false);
});

test("a pattern matches what the regular expression of it matches", () => {
  const glob = fc.stringMatching(/^[ab*]{0,6}$/);
  fc.assert(
    fc.property(glob, fc.stringMatching(/^[ab]{0,8}$/), (pattern, name) => {
      expect(matches(pattern, name)).toBe(new RegExp(`^${pattern.replaceAll("*", ".*")}$`).test(name));
    }),
    { numRuns: 1000 },
  );
});

test("a pattern of nothing but stars and letters takes no time", () => {
  const start = performance.now();
  expect(matches(`${"*a".repeat(100)}b`, "a".repeat(100_000))).toBe(false);
  expect(performance.now() - start).toBeLessThan(1000);
});
