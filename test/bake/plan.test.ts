import { readFileSync } from "node:fs";
import { join } from "node:path";

import fc from "fast-check";
import { expect, test } from "vitest";
import { z } from "zod";

import { copyOut } from "../../src/bake/copy-out.ts";
import { changesOf, changesSinceLast, rememberPlan } from "../../src/bake/explain.ts";
import { bakeKeyOf, type Plan, planBytes, planSchema } from "../../src/bake/plan.ts";
import { isKilnError, KilnError } from "../../src/errors.ts";
import { temporaryFolder } from "../system/made-repository.ts";
import { header, makeProject } from "./made-project.ts";

const plan: Plan = {
  kiln: "0.1.0",
  name: "sample",
  version: "1.2.3",
  source: {
    repository: "https://example.org/x",
    commit: "a".repeat(40),
    tree: "b".repeat(40),
    recipe: "kiln.yaml",
    time: 1,
  },
  recipe: "c".repeat(64),
  steps: [{ phase: "build", run: "make" }],
  kinds: { archive: 1 },
  tools: { node: { version: "24.0.0", sha256: "d".repeat(64) } },
  system: { os: "Debian", packages: "e".repeat(64) },
  isolation: "bubblewrap",
  env: { A: "b" },
};

/** Every scalar of a JSON value, as a path. */
function leaves(value: unknown, path: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  if (typeof value !== "object" || value === null) return [path];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, [...path, key]));
}

function changed(path: readonly (string | number)[]): Plan {
  const copy = structuredClone(plan) as unknown as Record<string, unknown>;
  const holder = path
    .slice(0, -1)
    .reduce<Record<string, unknown>>((at, key) => at[key] as Record<string, unknown>, copy);
  const last = path.at(-1) ?? "";
  const before = holder[last];
  holder[last] =
    typeof before === "number"
      ? before + 1
      : before === "bubblewrap"
        ? "none"
        : before === "build"
          ? "fetch"
          : `${String(before)}x`;
  return copy as unknown as Plan;
}

test.each(leaves(plan).map((path) => [path.join("."), path] as const))("another %s is another bake key", (_, path) => {
  expect(bakeKeyOf(changed(path))).not.toBe(bakeKeyOf(plan));
});

test("the order in which a plan was put together doesn't matter, and nothing of it is lost in its bytes", () => {
  const keys = Object.keys(plan) as (keyof Plan)[];
  fc.assert(
    fc.property(fc.shuffledSubarray(keys, { minLength: keys.length }), (order) => {
      const shuffled = Object.fromEntries(order.map((key) => [key, plan[key]])) as unknown as Plan;
      expect(bakeKeyOf(shuffled)).toBe(bakeKeyOf(plan));
    }),
  );
  expect(planSchema.parse(JSON.parse(Buffer.from(planBytes(plan)).toString("utf8")))).toEqual(plan);
});

test("what changed is said by name, with before and after; packages by their own names", () => {
  const before = { plan, packages: { gcc: "12.1", tar: "1.34", old: "1" } };
  const now = {
    plan: {
      ...plan,
      version: "1.2.4",
      source: { ...plan.source, commit: null },
      steps: [...plan.steps, { phase: "check" as const, run: "test" }],
      system: { os: "Debian", packages: "f".repeat(64) },
    },
    packages: { gcc: "12.2", tar: "1.34" },
  };
  expect(changesOf(before, now)).toEqual([
    { input: "version", before: "1.2.3", now: "1.2.4" },
    { input: "steps.1.phase", before: null, now: "check" },
    { input: "steps.1.run", before: null, now: "test" },
    { input: "packages.gcc", before: "12.1", now: "12.2" },
    { input: "source.commit", before: "a".repeat(40), now: null },
    { input: "packages.old", before: "1", now: null },
  ]);
  expect(changesOf(before, before)).toEqual([]);
});

const recipe = "artifacts: { app: { kind: archive, from: kiln.yaml } }\n";

test("a bake is explained by what changed since the last one of its name", async () => {
  const project = makeProject({ recipe });
  const explain = () =>
    project.prepare({}, async (prepared) =>
      "orders" in prepared ? changesSinceLast(prepared.orders[0], prepared.folder) : [],
    );
  expect(await explain()).toBeUndefined();
  await project.bake();
  expect(await explain()).toEqual([]);
  project.repository.commit({ "kiln.yaml": header.replace("1.2.3", "1.2.4") + recipe });
  const inputs = (await explain())?.map(({ input }) => input);
  expect(inputs).toEqual(["version", "source.commit", "source.tree", "source.time", "recipe"]);
});

test("a remembered plan that can't be read is as none", async () => {
  const project = makeProject({ recipe });
  await project.prepare({}, async (prepared) => {
    if (!("orders" in prepared)) throw new Error("released");
    await rememberPlan(prepared.orders[0], prepared.folder);
    project.repository.write({ ".kiln/plans/sample.json": "{" });
    expect(changesSinceLast(prepared.orders[0], prepared.folder)).toBeUndefined();
  });
});

test("a recipe outside the repository is refused, one in a folder is found from there", async () => {
  const project = makeProject({ recipe });
  await expect(project.bake({ recipe: "../kiln.yaml" })).rejects.toMatchObject({ code: "USAGE" });
  project.repository.commit({ "sub/other.yaml": header + recipe.replace("kiln.yaml", "sub/other.yaml") });
  const { manifest } = await project.bake({ recipe: "sub/other.yaml" });
  expect(manifest.source.recipe).toBe("sub/other.yaml");
});

test("--out gets a copy, over an earlier bake but over nothing else", async () => {
  const { folder } = await makeProject({ recipe }).bake();
  const out = join(temporaryFolder(), "deep/out");
  await copyOut(folder, out);
  await copyOut(folder, out);
  expect(readFileSync(join(out, "release.json"))).toEqual(readFileSync(join(folder, "release.json")));
  const mine = temporaryFolder();
  const project = makeProject({ recipe });
  project.repository.write({ "keep/me": "x" });
  const keep = join(project.repository.folder, "keep");
  await expect(copyOut(folder, keep)).rejects.toSatisfy((error) => isKilnError(error, "USAGE"));
  expect(readFileSync(join(keep, "me"), "utf8")).toBe("x");
  await copyOut(folder, mine);
  expect(readFileSync(join(mine, "release.json")).length).toBeGreaterThan(100);
});

// The fields of in-toto's Statement and ResourceDescriptor v1 and of SLSA's provenance v1, and no others.
const descriptor = z
  .strictObject({
    name: z.string().optional(),
    uri: z.string().optional(),
    digest: z.record(z.string(), z.string().regex(/^[0-9a-f]+$/)).optional(),
    content: z.string().optional(),
    downloadLocation: z.string().optional(),
    mediaType: z.string().optional(),
    annotations: z.record(z.string(), z.json()).optional(),
  })
  .refine(({ uri, digest, content }) => uri !== undefined || digest !== undefined || content !== undefined);
const statement = z.strictObject({
  _type: z.literal("https://in-toto.io/Statement/v1"),
  subject: z
    .array(z.strictObject({ name: z.string(), digest: z.strictObject({ sha256: z.string().length(64) }) }))
    .min(1),
  predicateType: z.literal("https://slsa.dev/provenance/v1"),
  predicate: z.strictObject({
    buildDefinition: z.strictObject({
      buildType: z.string().regex(/^[a-z]+:/),
      externalParameters: z.record(z.string(), z.json()),
      internalParameters: z.record(z.string(), z.json()).optional(),
      resolvedDependencies: z.array(descriptor).optional(),
    }),
    runDetails: z.strictObject({
      builder: z.strictObject({
        id: z.string().regex(/^[a-z]+:/),
        version: z.record(z.string(), z.string()).optional(),
      }),
      metadata: z.strictObject({ invocationId: z.string().optional() }).optional(),
    }),
  }),
});

test("the provenance is a strict SLSA v1 statement about every artifact, from the commit, the recipe, lock files and tools", async () => {
  const project = makeProject({
    recipe: `env: { LEVEL: "3" }\nbuild: [echo hi]\nartifacts: { app: { kind: archive, from: . }, deb: { kind: deb, files: { /x: kiln.yaml } } }\n`,
    files: { "sub/package-lock.json": "{}", "sub/x.txt": "x" },
  });
  project.repository.git("remote", "add", "origin", "https://user:hunter22@example.org/x/sample.git");
  const { folder, manifest, bakeKey } = await project.bake();
  const text = readFileSync(join(folder, "provenance.json"), "utf8");
  const { subject, predicate } = statement.parse(JSON.parse(text));
  expect(subject).toEqual(manifest.artifacts.map(({ file, sha256 }) => ({ name: file, digest: { sha256 } })));
  expect(text).not.toContain("hunter22");
  const { buildDefinition, runDetails } = predicate;
  expect(buildDefinition.externalParameters).toMatchObject({
    name: "sample",
    version: "1.2.3",
    recipe: "kiln.yaml",
    isolation: "bubblewrap",
    env: { LEVEL: "3" },
    source: { uri: "git+https://example.org/x/sample.git", digest: { gitCommit: manifest.source.commit } },
  });
  const names = buildDefinition.resolvedDependencies?.map(({ name }) => name);
  expect(names).toEqual(
    expect.arrayContaining(["source", "sub/package-lock.json", "kiln.yaml", "node", "dpkg-deb", "bubblewrap"]),
  );
  expect(runDetails.metadata?.invocationId).toBe(bakeKey);
  expect(manifest.source.repository).toBe("https://example.org/x/sample.git");
});

test("an error of the recipe has its place", async () => {
  const error: unknown = await makeProject({ recipe: "artifact: {}\n" })
    .bake()
    .catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(KilnError);
  expect(error).toMatchObject({
    code: "RECIPE_INVALID",
    message: expect.stringMatching(/^kiln\.yaml:4:1: .*artifact/) as string,
  });
});
