// kiln-deploy as one file: what a host gets that deploys and checks. It says which modules went in, so that a test can
// hold that none of them bakes, signs or publishes.

import { readFile } from "node:fs/promises";
import { isBuiltin } from "node:module";
import { dirname, join, relative } from "node:path";
import { brotliCompressSync } from "node:zlib";

import { rolldown } from "rolldown";

const root = join(import.meta.dirname, "..");

/** Writes `file`; returns the modules in it, as paths below the project. Throws when it would need anything but Node. */
export async function bundleDeploy(file: string): Promise<{ readonly modules: readonly string[] }> {
  const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { version: string };
  const bundle = await rolldown({
    input: join(root, "src/kiln-deploy.ts"),
    platform: "node",
    cwd: root,
    checks: { pluginTimings: false },
    onLog: (level, log) => {
      if (level === "warn") throw new Error(log.message);
    },
    plugins: [
      {
        // There is no package.json beside the single file to read the version from.
        name: "version",
        load: (id) =>
          id === join(root, "src/program/version.ts")
            ? `export const version = ${JSON.stringify(version)};`
            : undefined,
      },
      {
        // Few hosts read from a bucket: whoever doesn't shall not pay for its client at every start.
        name: "s3-client",
        load: async (id) => (id === join(root, "src/stores/s3-client.ts") ? await packedClient() : undefined),
      },
      { name: "builtins", renderChunk: (code) => withoutImports(code) },
    ],
  });
  try {
    const { output } = await bundle.write({
      file,
      format: "esm",
      codeSplitting: false,
      comments: { legal: true, annotation: false, jsdoc: false },
    });
    const [chunk] = output;
    const needed = [...chunk.imports, ...chunk.dynamicImports].filter((name) => name !== chunk.fileName);
    const foreign = needed.filter((name) => !isBuiltin(name));
    if (output.length !== 1 || foreign.length > 0) {
      throw new Error(`kiln-deploy: got ${output.length} files and imports of ${foreign.join(", ") || "nothing"}`);
    }
    return { modules: chunk.moduleIds.filter((id) => id.startsWith("/")).map((id) => relative(root, id)) };
  } finally {
    await bundle.close();
  }
}

/** The module's other form: the library as one compressed string, which is unpacked and run when it is asked for. */
async function packedClient(): Promise<string> {
  const entry = join(root, "node_modules/@aws-sdk/client-s3/package.json");
  const bundle = await rolldown({ input: dirname(entry), platform: "node", cwd: root });
  try {
    const { output } = await bundle.generate({ format: "esm", codeSplitting: false, minify: true });
    // Such a module has no place of its own to find others from, and needs none: they are all Node's.
    const code = withoutImports(output[0].code).replaceAll("import.meta.url", '"file:///"');
    const packed = brotliCompressSync(code).toString("base64");
    return `import { brotliDecompressSync } from "node:zlib";
const packed = "${packed}";
export async function loadS3Client() {
  const code = brotliDecompressSync(Buffer.from(packed, "base64")).toString("base64");
  return (await import(\`data:text/javascript;base64,\${code}\`)).default;
}`;
  } finally {
    await bundle.close();
  }
}

/**
 * Node's own modules are got instead of imported: an old Node stops at the import of what it lacks before any code runs, so
 * the program couldn't say that this Node is too old. A Node that lacks the call, too, gets as far as that. What
 * `node:module` has is needed to get there, and no Node lacks it.
 */
function withoutImports(code: string): string {
  return code.replace(/^import (.+) from "([^"]+)";$/gm, (line, wanted: string, name: string) => {
    if (/^(?:node:)?module$/.test(name)) return line;
    const [, whole, names] = /^(?:(?:\* as )?([\w$]+))?(?:, )?(\{.*\})?$/.exec(wanted) ?? [];
    const got = `process.getBuiltinModule?.(${JSON.stringify(name)}) ?? {}`;
    const parts = [whole, names?.replaceAll(" as ", ": ")].filter((part) => part !== undefined);
    if (!isBuiltin(name) || parts.length === 0) throw new Error(`kiln-deploy: got import ${wanted} from ${name}`);
    return parts.map((part) => `const ${part} = ${got};`).join(" ");
  });
}
