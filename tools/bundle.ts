// kiln-deploy as one file: what a host gets that deploys and checks. It says which modules went in, so that a test can
// hold that none of them bakes, signs or publishes.

import { readFile } from "node:fs/promises";
import { isBuiltin } from "node:module";
import { join, relative } from "node:path";

import { rolldown } from "rolldown";

const root = join(import.meta.dirname, "..");

/** Writes `file`; returns the modules in it, as paths below the project. Throws when it would need anything but Node. */
export async function bundleDeploy(file: string): Promise<{ readonly modules: readonly string[] }> {
  const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { version: string };
  const bundle = await rolldown({
    input: join(root, "src/kiln-deploy.ts"),
    platform: "node",
    cwd: root,
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
