// Trees and metadata that nobody would write by hand, packed by npm and archive: each is refused by name, or stock npm and tar
// get out of the package what went in.

import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import fc from "fast-check";
import { afterAll, expect, test } from "vitest";

import { KilnError } from "../../src/errors.ts";
import { archive } from "../../src/kinds/archive.ts";
import type { Packed, PackJob } from "../../src/kinds/kind.ts";
import { npm } from "../../src/kinds/npm/npm.ts";

const work = realpathSync(mkdtempSync(join(tmpdir(), "kiln-odd-")));
afterAll(() => rmSync(work, { recursive: true, force: true }));

/** A job that runs packers as they are: what is tested is what they are given, and what they leave. */
function jobIn(folder: string): PackJob {
  for (const name of ["source", "stage", "out"]) mkdirSync(join(folder, name), { recursive: true });
  const [source, stage, out] = [join(folder, "source"), join(folder, "stage"), join(folder, "out")] as const;
  const artifacts = [{ name: "app", kind: "npm", spec: { kind: "npm", from: "." } }];
  const job = {
    ...{ artifact: "app", artifacts, release: { name: "sample", version: "1.2.3" }, source, stage, out, time: 1e9 },
    sandbox: { inside: (path: string) => path },
    runPacker: async ([program, ...args]: readonly [string, ...string[]]) =>
      execFileSync(program, args, { cwd: stage, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], timeout: 30_000 }),
    take: (file: string) => execFileSync("mv", ["--", join(stage, file), join(out, file)]),
    onProgress: () => undefined,
    signal: new AbortController().signal,
  };
  return job as unknown as PackJob;
}

/** What was packed, or the error, which must be one of Kiln's with a hint. */
async function packedOr(packing: Promise<Packed>): Promise<Packed | KilnError> {
  try {
    return await packing;
  } catch (error) {
    if (!(error instanceof KilnError)) throw error;
    expect(error.code).toMatch(/^(?:ARTIFACT_INVALID|VERSION_UNMAPPABLE|NAME_INVALID)$/);
    expect(error.message).toMatch(/got .*, want|got no|got text that isn't JSON|got a|✖/s);
    return error;
  }
}

type Node =
  | { readonly type: "file"; readonly text: string }
  | { readonly type: "link"; readonly target: string }
  | { readonly type: "pipe" };

const segment = fc
  .oneof(
    {
      weight: 3,
      arbitrary: fc.constantFrom(
        "a",
        "lib",
        "index.js",
        "über",
        "e\u0301",
        "two words",
        "new\nline",
        "-rf",
        "back\\slash",
        "x".repeat(255),
        "...",
        "'\"$(x)",
        "日本語",
        "\u001b[31m",
      ),
    },
    { weight: 1, arbitrary: fc.string({ minLength: 1, maxLength: 40, unit: "grapheme" }) },
  )
  .map((text) => text.replaceAll("/", "_").replaceAll("\0", "_"))
  .filter(
    (text) =>
      ![".", "..", ".git", "node_modules"].includes(text) && text.isWellFormed() && Buffer.byteLength(text) <= 255,
  );
const path = fc.array(segment, { minLength: 1, maxLength: 5 }).map((segments) => segments.join("/"));
const node: fc.Arbitrary<Node> = fc.oneof(
  { weight: 8, arbitrary: fc.string({ maxLength: 30 }).map((text): Node => ({ type: "file", text })) },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom("a", "../a", "lib/index.js", "..", "../../etc/passwd", "/etc/passwd", "loop", "x".repeat(300))
      .map((target): Node => ({ type: "link", target })),
  },
  { weight: 1, arbitrary: fc.constant<Node>({ type: "pipe" }) },
);
const tree = fc.dictionary(path, node, { minKeys: 1, maxKeys: 8 });

/** Writes the tree; of paths that are in one another's way the first one stays. */
function plant(root: string, nodes: Readonly<Record<string, Node>>): Map<string, Node> {
  const planted = new Map<string, Node>();
  for (const [at, one] of Object.entries(nodes)) {
    const target = join(root, at);
    try {
      mkdirSync(dirname(target), { recursive: true });
      if (one.type === "file") writeFileSync(target, one.text, { flag: "wx" });
      else if (one.type === "link") symlinkSync(one.target, target);
      else execFileSync("mkfifo", ["--", target], { stdio: "ignore" });
      planted.set(at, one);
    } catch {
      continue;
    }
  }
  return planted;
}

/** Relative paths of all files and links below `root`, with their contents or targets. */
function contents(root: string, prefix = ""): Map<string, string> {
  return new Map(
    readdirSync(join(root, prefix), { withFileTypes: true }).flatMap((entry): [string, string][] => {
      const at = prefix + entry.name;
      if (entry.isDirectory()) return [...contents(root, `${at}/`)];
      // Reading a pipe would wait for a writer.
      if (!entry.isFile() && !entry.isSymbolicLink()) return [[at, "a pipe"]];
      const link = entry.isSymbolicLink();
      return [[at, link ? `-> ${readlinkSync(join(root, at))}` : readFileSync(join(root, at), "utf8")]];
    }),
  );
}

async function inFolder<T>(use: (job: PackJob, folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(work, "case-"));
  try {
    return await use(jobIn(folder), folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test("archive: a tree comes back from tar as it was, or is refused", async () => {
  await fc.assert(
    fc.asyncProperty(tree, async (nodes) => {
      await inFolder(async (job, folder) => {
        const planted = plant(job.source, nodes);
        const packed = await packedOr(archive.pack({ kind: "archive", from: "." }, job));
        if (packed instanceof KilnError) return;
        expect([...planted.values()].some(({ type }) => type === "pipe")).toBe(false);
        const back = join(folder, "back");
        mkdirSync(back);
        execFileSync("tar", ["--zstd", "-xf", join(job.out, packed.file), "-C", back]);
        expect(contents(back)).toEqual(contents(job.source));
        for (const target of [...contents(back).values()].filter((text) => text.startsWith("-> /")))
          throw new Error(target);
      });
    }),
    { numRuns: 60 },
  );
}, 60_000);

test("npm: what its tarball holds is what lay there, links aside; its main file and programs are inside, or it is refused", async () => {
  const manifest = fc.record(
    {
      main: fc.constantFrom("a", "./lib/index.js", "../../etc/passwd", "gone.js", ""),
      bin: fc.oneof(
        fc.constantFrom("a", "lib/index.js", "/etc/passwd"),
        fc.dictionary(fc.constantFrom("x", "../x"), fc.constantFrom("a", "lib")),
      ),
      description: fc.string({ maxLength: 300, unit: "binary" }),
      keywords: fc.array(fc.string({ unit: "binary" })),
      version: fc.anything({ maxDepth: 0 }),
    },
    { requiredKeys: [] },
  );
  await fc.assert(
    fc.asyncProperty(tree, manifest, async (nodes, fields) => {
      await inFolder(async (job, folder) => {
        writeFileSync(join(job.source, "package.json"), JSON.stringify({ ...fields, name: "odd" }));
        plant(job.source, nodes);
        const before = contents(job.source);
        const packed = await packedOr(npm.pack({ kind: "npm", from: "." }, job));
        expect(contents(job.source)).toEqual(before);
        if (packed instanceof KilnError) return;
        const back = join(folder, "back");
        mkdirSync(back);
        execFileSync("tar", ["-xzf", join(job.out, packed.file), "-C", back]);
        const inside = contents(join(back, "package"));
        for (const [at, text] of inside) if (at !== "package.json") expect(text).toBe(before.get(at));
        const made = JSON.parse(inside.get("package.json") ?? "") as Record<string, unknown>;
        expect(made).toMatchObject({ name: "odd", version: "1.2.3" });
      });
    }),
    { numRuns: 8, examples: [[{ lib: { type: "file", text: "" } }, { bin: "lib/index.js" }]] },
  );
}, 60_000);

test("npm: stock npm installs a package whose files have odd names", async () => {
  await inFolder(async (job, folder) => {
    const names = [
      "über/e\u0301",
      "two words",
      "-rf",
      "日本語.js",
      `${"deep/".repeat(50)}x`,
      "y".repeat(200),
      "'\"$(x)",
    ];
    plant(job.source, Object.fromEntries(names.map((name) => [name, { type: "file", text: name }] as const)));
    writeFileSync(join(job.source, "package.json"), '\uFEFF{"name":"odd","main":"two words"}');
    const { file } = await npm.pack({ kind: "npm", from: "." }, job);
    const options = ["install", "--offline", "--no-audit", "--no-fund", "--silent", "--prefix", join(folder, "user")];
    execFileSync("npm", [...options, join(job.out, file)], { stdio: "pipe" });
    const there = contents(join(folder, "user/node_modules/odd"));
    for (const name of names) expect(there.get(name)).toBe(name);
  });
}, 30_000);

test.each([
  ["a name of 300 characters", { name: "x".repeat(300) }, /got "x+… \(300 characters\), want .* at most 214 /],
  ["a name with capital letters", { name: "Odd" }, /an npm package name/],
  ["a name that isn't text", { name: 7 }, /name: got 7, want an npm package name/],
  ["a name that leads out", { name: "@../x" }, /an npm package name/],
  ["dependencies that are no map", { dependencies: ["a"] }, /dependencies/],
  ["a main file that isn't there", { main: "gone.js" }, /main: got no such file at "gone\.js", want it in the package/],
  ["a main file that is a link", { main: "link.js" }, /main: got a link at "link\.js", want it in the package/],
  ["a program that `files` leaves out", { bin: { a: "a.js" }, files: ["b.js"] }, null],
  ["a program that is a folder", { bin: "lib" }, /bin: got a folder at "lib"/],
  ["a program outside", { bin: { x: "../../../etc/passwd" } }, /bin "x": got no such file/],
])("npm: %s", async (_, fields, message) => {
  await inFolder(async (job) => {
    const files = { "a.js": "", "b.js": "", "lib/x": "" };
    plant(
      job.source,
      Object.fromEntries(Object.entries(files).map(([name, text]) => [name, { type: "file", text } as const])),
    );
    symlinkSync("a.js", join(job.source, "link.js"));
    writeFileSync(join(job.source, "package.json"), JSON.stringify({ name: "odd", ...fields }));
    const packed = await packedOr(npm.pack({ kind: "npm", from: "." }, job));
    // npm packs what `bin` names, whatever `files` says.
    if (message === null) expect(packed).not.toBeInstanceOf(KilnError);
    else expect(packed instanceof KilnError ? packed.message : "packed").toMatch(message);
  });
});

test("npm: a pipe, and a name that isn't UTF-8, are refused by name", async () => {
  await inFolder(async (job) => {
    writeFileSync(join(job.source, "package.json"), '{"name":"odd"}');
    execFileSync("mkfifo", [join(job.source, "pipe")]);
    expect(String(await packedOr(npm.pack({ kind: "npm", from: "." }, job)))).toMatch(
      /"pipe": got a named pipe, want a file/,
    );
    rmSync(join(job.source, "pipe"));
    writeFileSync(Buffer.concat([Buffer.from(`${job.source}/`), Buffer.from([0xff, 0xfe])]), "");
    expect(String(await packedOr(npm.pack({ kind: "npm", from: "." }, job)))).toMatch(
      /got a file name that isn't UTF-8/,
    );
  });
});
