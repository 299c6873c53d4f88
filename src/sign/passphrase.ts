// Where the key file's passphrase comes from: a file that was named, or KILN_PASSPHRASE; never the command line, which
// everybody on the machine can read. Before it is returned, it is kept out of everything that is reported.

import { readFile } from "node:fs/promises";
import { resolve } from "node:path";

import type { Context } from "../context.ts";
import { isSystemError, KilnError } from "../errors.ts";
import { explainFailure } from "../system/durable.ts";

const hint = "set KILN_PASSPHRASE, or name a file with --passphrase-file or KILN_PASSPHRASE_FILE";

/** The file wins over KILN_PASSPHRASE. A newline at its end isn't part of it. Throws PASSPHRASE_MISSING. */
export async function readPassphrase(
  context: Pick<Context, "env" | "cwd" | "report">,
  file: string | undefined,
): Promise<string> {
  const [passphrase, where] =
    file === undefined
      ? [context.env["KILN_PASSPHRASE"], "KILN_PASSPHRASE"]
      : [await readLine(resolve(context.cwd, file)), file];
  if (passphrase === undefined) throw missing("got no passphrase for the key file");
  if (passphrase === "") throw missing(`${where}: got an empty passphrase`);
  context.report.redact(passphrase);
  return passphrase;
}

async function readLine(file: string): Promise<string> {
  try {
    return (await readFile(file, "utf8")).replace(/\r?\n$/, "");
  } catch (cause) {
    if (isSystemError(cause, "ENOENT", "ENOTDIR", "EISDIR")) {
      throw missing(`${file}: got no file with a passphrase`, cause);
    }
    throw explainFailure(cause, file);
  }
}

function missing(message: string, cause?: unknown): KilnError {
  return new KilnError("PASSPHRASE_MISSING", message, { hint, cause });
}
