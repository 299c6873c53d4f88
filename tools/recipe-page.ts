// docs/recipe.md: prose from here, every key from the recipe's JSON schema.

import { activators } from "../src/activators/index.ts";
import { kinds } from "../src/kinds/index.ts";
import { parseRecipe } from "../src/recipe/parse.ts";
import { recipeSchema } from "../src/recipe/schema.ts";

export interface JsonSchema {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | false;
  readonly items?: JsonSchema;
  readonly oneOf?: readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
}

export function recipePage(schema: JsonSchema): string {
  const keys = schema.properties ?? {};
  const step = keys["build"]?.items?.anyOf?.find(({ properties }) => properties !== undefined) ?? {};
  const blocks = [
    "<!-- Generated from src/recipe, src/kinds and src/activators by `npm run docs`. -->",
    "# The recipe",
    "A recipe is a file, `kiln.yaml` at the top of the repository unless one says otherwise. It is read from the commit that is baked, never from the work tree beside it. A key that isn't listed here is an error. Editors that know JSON schemas complete and check it with this first line:",
    code("# yaml-language-server: $schema=docs/recipe.schema.json"),
    "## An example",
    code(checked(example)),
    "## Keys",
    table(schema),
    "Paths are relative to the top of the repository and stay inside it. Names (of the release, its artifacts and checks) have at most 100 characters: lower-case letters, digits and `. _ + -` between them. Versions have at most 120: letters, digits and `. + ~ ! _ -`. Channels are like names, without `+`.",
    "## `version`",
    keys["version"]?.description ?? "",
    ...alternatives(keys["version"], "from", "###"),
    ...versionNotes,
    "## `base`",
    `${keys["base"]?.description ?? ""} [Baking](bake.md#the-base) says how they are made and pinned.`,
    ...(keys["base"]?.anyOf ?? []).flatMap((one) => {
      const [first = ""] = Object.keys(one.properties ?? {});
      return first === "" ? [] : [`### \`base: { ${first}: … }\``, sentence(one.description ?? ""), table(one)];
    }),
    "## Steps: `fetch` and `build`",
    "A step is a command line, or a map:",
    table(step),
    "## `checks`",
    keys["checks"]?.description ?? "",
    table(keys["checks"]?.items ?? {}),
    "## `artifacts`",
    keys["artifacts"]?.description ?? "",
    ...alternatives(keys["artifacts"]?.additionalProperties, "kind", "###"),
    "## `activate`",
    keys["activate"]?.description ?? "",
    ...alternatives(keys["activate"]?.additionalProperties, "with", "###"),
    "## `gates`",
    keys["gates"]?.description ?? "",
    table(keys["gates"]?.items ?? {}),
    "A gate makes one demand: a `check`, or a `report` with a `number` and one of `at-least`, `at-most`, `not-below`, `not-above`, or a `report` with a `severity`. [gates.md](gates.md) says which gate is asked when, and what happens then.",
    "## `channels`",
    keys["channels"]?.description ?? "",
    table(keys["channels"]?.items ?? {}),
    ...channelNotes,
    "## What YAML may be used",
    'YAML 1.2, one document of at most 64 KiB in UTF-8. No anchors and aliases, no tags, no directives, no key twice, no invisible characters. A value that looks like a number and isn\'t one wants quotes: `"1.10"`.',
  ];
  return `${blocks.filter((block) => block !== "").join("\n\n")}\n`;
}

const example = `kiln: 1
name: billing
version: { from: next, line: "1.4.*" }
fetch: [npm ci --ignore-scripts]           # the network is on here, pinned by the lock file …
build: [npm run build]                     # … and off here
checks:
  - { name: unit, run: npm test, report: reports/junit.xml }
artifacts:
  app:     { kind: archive, from: dist }
  library: { kind: npm }
  package: { kind: deb, depends: [nodejs], files: { /usr/lib/billing: dist } }
activate:
  app: { with: directory, start: [node, server.js], probe: { http: "http://127.0.0.1:\${PORT}/health", within: 30s } }
channels:
  - { branch: master, channel: staging }
  - { tag: "v*", channel: production }
  - { branch: "*", channel: "branch-\${slug}" }`;

const versionNotes = [
  "### Which version is which",
  "A version is the release's name for ever: it is never given to other bytes. It becomes the right string in each package format, so that `1.2.0-rc.1` sorts before `1.2.0` everywhere; docs/versions.md has the table, and what is refused with `VERSION_UNMAPPABLE` because it would lose something.",
  "A list of rules says which version counts for which ref, like `channels`: the first that is for the ref, `branch` and `tag` whole; a rule without either is for all.",
  "With `from: tag`, of several tags on a commit the one that was asked for with `--ref` counts, else the highest version. Between tags, versions grow along the history: each commit's is higher than its parents', and lower than any later release's. A shallow clone lacks what that needs (`HISTORY_MISSING`): fetch all history in CI.",
  "A bake from a dirty tree (`--allow-dirty`) gets a version that says so: `1.2.3-0.dev.0.dirty.g0a1b2c3d`, which sorts below `1.2.3`, and `1.3.0-rc.1.0.dev.0.dirty.g0a1b2c3d`, which sorts right after `1.3.0-rc.1`. The digits tell one state of the tree from another.",
];

const channelNotes = [
  "A rule is for branches or for tags, never both, and its pattern must fit the whole name: the branch `release/v2.0.0` doesn't match `v*`, and no branch matches a rule for tags. Only `*` is special.",
  "`${slug}` is the name in lower case with `-` for what a channel can't hold. Wherever that loses something (`feature/x`, `Fix`, a long name) a hash of the full ref follows, as in `branch-feature-x-0a1b2c3d4e5f`, so that two refs never share a channel. For the same reason no rule's channel may start with the prefix of another rule's `${slug}`, unless both are for branches or both for tags and have the same prefix.",
  'A bake is for the ref that `--ref` names (`refs/heads/master`, or `master` if there is no tag of that name; a tag must be on the commit). Without it: the branch that is checked out, even if the commit has a tag; on a detached head, the tag on the commit if there is exactly one. CI systems mostly check out a detached head: pass `--ref "$GITHUB_REF"` or `--ref "refs/heads/$CI_COMMIT_BRANCH"`.',
];

/** The example, if it is a recipe. */
function checked(text: string): string {
  parseRecipe(Buffer.from(text), { path: "the example", schema: recipeSchema({ kinds, activators }) });
  return text;
}

function alternatives(schema: JsonSchema | false | undefined, key: string, heading: string): string[] {
  return (schema ? (schema.oneOf ?? schema.anyOf?.[0]?.oneOf ?? []) : []).flatMap((one) => {
    const { [key]: tag, ...others } = one.properties ?? {};
    const about = one.description ?? tag?.description ?? "";
    return [`${heading} \`${key}: ${String(tag?.const)}\``, sentence(about), table({ ...one, properties: others })];
  });
}

/** A table of an object's keys, those of objects inside it too. */
function table(schema: JsonSchema): string {
  const rows = rowsOf(schema, "");
  return rows.length === 0 ? "" : ["| key | value | meaning |", "|---|---|---|", ...rows].join("\n");
}

function rowsOf({ properties = {}, required = [] }: JsonSchema, before: string): string[] {
  return Object.entries(properties).flatMap(([key, value]) => {
    const need = required.includes(key)
      ? ""
      : hasDefault(value)
        ? `; ${JSON.stringify(value.default)}`
        : "; may be left out";
    const row = `| \`${before}${key}\` | ${typeOf(value)}${need} | ${(value.description ?? "").replaceAll("|", String.raw`\|`)} |`;
    return [row, ...innerRows(value, `${before}${key}`)];
  });
}

/** The keys of a map, of the maps in a map by name (`units.NAME`), and of each map that a value may be. */
function innerRows(value: JsonSchema, before: string): string[] {
  if (value.properties !== undefined) return rowsOf(value, `${before}.`);
  if (typeof value.additionalProperties === "object") return innerRows(value.additionalProperties, `${before}.NAME`);
  const rows = (value.anyOf ?? []).flatMap((one) => innerRows(one, before));
  return [...new Set(rows)];
}

/** An empty list or map says no more than that the key may be left out. */
function hasDefault({ default: value }: JsonSchema): boolean {
  return value !== undefined && !(typeof value === "object" && value !== null && Object.keys(value).length === 0);
}

function typeOf(schema: JsonSchema): string {
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.enum !== undefined) return schema.enum.map((one) => `\`${String(one)}\``).join(", ");
  if (schema.oneOf !== undefined) return "map";
  if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map(typeOf))].join(" or ");
  if (schema.type === "array") return schema.items === undefined ? "list" : `list of ${plural(typeOf(schema.items))}`;
  return schema.type === "object" ? "map" : (schema.type ?? "any value");
}

function plural(type: string): string {
  return type
    .split(" or ")
    .map((one) => (one.startsWith("list of") ? one : `${one}s`))
    .join(" or ");
}

function sentence(text: string): string {
  const start = text.charAt(0).toUpperCase() + text.slice(1);
  return start === "" || start.endsWith(".") ? start : `${start}.`;
}

function code(text: string): string {
  return ["```yaml", text, "```"].join("\n");
}
