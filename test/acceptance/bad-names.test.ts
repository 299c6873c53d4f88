// Names, versions and channels that can't be: on the command line, in the recipe, from a tag, from a manifest.

import { afterAll, beforeAll } from "vitest";

import { type Refusal, testRefusals } from "../fixtures/refusals.ts";
import { staticVersion, commit, git, makeScene, recipe, removeScene, type Scene } from "../fixtures/scene.ts";

let scene: Scene;
beforeAll(async () => void (scene = await makeScene()));
afterAll(() => removeScene(scene));

const long = "1".repeat(300);
const odd: Readonly<Record<string, string>> = {
  "an empty one": "",
  "300 characters": long,
  unicode: "1.0.0-ü✓",
  "dots that lead upwards": "..",
  "dots in the middle": "1..0",
  "a slash": "1/0",
  "a way out": "../../etc/passwd",
  "a newline": "1.0\nkiln: all is well",
  "a leading dash": "-1.0",
  "a space": "1 0",
  "an escape sequence": "1\u001b[2J0",
  "a percent sign": "1%2f0",
};

const invalid = { status: 2, code: "NAME_INVALID" } as const;

/** Refused on the command line, before any store is looked at: `{}` is where the odd text goes. */
const typed = (what: "name" | "version" | "channel", ...command: readonly string[]): Refusal[] =>
  Object.entries(odd).map(([title, text]) => ({
    title: `${title} as a ${what}: kiln ${command.join(" ")}`,
    command: command.map((word) => word.replace("{}", text)),
    ...invalid,
    says: `${what}: got `,
  }));

/** One of each sort is enough where the same parser is asked again. */
const once = (refusals: readonly Refusal[]): Refusal[] => refusals.filter(({ title }) => title.startsWith("a way out"));

testRefusals(
  () => scene,
  [
    ...typed("version", "deploy", "app@{}"),
    ...typed("channel", "publish", "--channel={}"),
    ...once(typed("channel", "promote", "app@1.0.0", "{}")),
    ...once(typed("version", "promote", "app@{}", "production")),
    ...once(typed("channel", "promote", "app:{}", "production")),
    ...once(typed("name", "promote", "{}:staging", "production")),
    ...once(typed("channel", "deploy", "app:{}")),
    ...once(typed("name", "deploy", "{}:staging")),
    ...once(typed("version", "show", "app@{}")),
    ...once(typed("name", "show", "{}")),
    ...once(typed("name", "list", "{}")),
    ...once(typed("name", "status", "{}")),
    ...once(typed("name", "rollback", "{}")),
    ...once(typed("name", "recover", "{}")),
    ...once(typed("name", "history", "{}")),
    {
      title: "a version that isn't one, to verify",
      command: ["verify", `app@${long}`],
      ...invalid,
      says: "300 characters",
    },
    { title: "a name that isn't one, to verify", command: ["verify", "App@1.0.0"], ...invalid, says: "name: got" },
    ...["", "app", "app@", "@1.0.0", "app#", "app#zz", "app#0123456"].map((text): Refusal => {
      const usage = { status: 2, code: "USAGE", says: "got" } as const;
      const isName = text.includes("@");
      const isUnknown = text === "app#0123456";
      return {
        title: `${JSON.stringify(text)} to promote`,
        command: ["promote", text, "production"],
        ...(isUnknown ? { status: 1, code: "NOT_FOUND" } : isName ? invalid : usage),
      };
    }),
  ],
);

/** Refused in what a commit says. */
const committed = (
  title: string,
  changes: Readonly<Record<string, string>>,
  ending: Partial<Refusal> = {},
): Refusal => ({
  title,
  setUp: (own) => commit(own, { "kiln.yaml": recipe(changes) }),
  command: ["publish"],
  status: 2,
  code: "RECIPE_INVALID",
  says: /kiln.yaml:\d+:\d+/,
  ...ending,
});

const fromManifest = (title: string, version: unknown): Refusal => ({
  title,
  setUp: (own) =>
    commit(own, {
      "kiln.yaml": recipe({ version: "{ from: manifest }" }),
      "package.json": JSON.stringify({ name: "app", version }),
    }),
  command: ["publish"],
  ...invalid,
  says: "version from manifest: got",
});

testRefusals(
  () => scene,
  [
    ...Object.entries(odd).map(([title, text]) =>
      committed(`${title} as the recipe's version`, { version: staticVersion(text) }),
    ),
    committed("300 characters as the recipe's name", { name: "n".repeat(300) }),
    committed("a way out as the recipe's name", { name: "../../etc" }),
    committed("an artifact's name that leads upwards", { artifacts: '{ "..": { kind: archive, from: files } }' }),
    committed("a channel of 300 characters", { channels: `[{ branch: main, channel: ${"c".repeat(300)} }]` }),
    committed("a channel with a slash", { channels: "[{ branch: main, channel: a/b }]" }),
    committed("a channel that leads upwards", { channels: '[{ branch: main, channel: ".." }]' }),
    ...["an empty one", "a way out"].map((title) => fromManifest(`${title} as package.json's version`, odd[title])),
    ...[7, undefined].map((version): Refusal => ({
      ...fromManifest(`${version} as package.json's version`, version),
      status: 1,
      code: "VERSION_UNRESOLVED",
      says: "package.json: got no version",
    })),
    {
      title: "a manifest that isn't JSON",
      setUp: (own) =>
        commit(own, { "kiln.yaml": recipe({ version: "{ from: manifest }" }), "package.json": "{ version: 1 }" }),
      command: ["publish"],
      status: 1,
      code: "VERSION_UNRESOLVED",
      says: "package.json",
    },
    {
      title: "no manifest at all",
      setUp: (own) => commit(own, { "kiln.yaml": recipe({ version: "{ from: manifest }" }) }),
      command: ["publish"],
      status: 1,
      code: "VERSION_UNRESOLVED",
    },
    {
      title: "a file whose place of the version is empty",
      setUp: (own) =>
        commit(own, {
          "kiln.yaml": recipe({ version: `{ from: file, path: VERSION, regex: "^(.*)$" }` }),
          VERSION: "\n",
        }),
      command: ["publish"],
      ...invalid,
      says: "version from file: got",
    },
    {
      title: "a tag that is no version",
      setUp: async (own) => {
        await commit(own, { "kiln.yaml": recipe({ version: "{ from: tag }" }) });
        await git(own, "tag", "v1.0/etc");
      },
      command: ["publish", "--ref", "v1.0/etc"],
      ...invalid,
      says: "v1.0/etc",
    },
    {
      title: "a tag of 200 characters",
      setUp: async (own) => {
        await commit(own, { "kiln.yaml": recipe({ version: "{ from: tag }" }) });
        await git(own, "tag", `v${"1".repeat(200)}`);
      },
      command: ["publish", "--ref", `v${"1".repeat(200)}`],
      ...invalid,
      says: "200 characters",
    },
  ],
);
