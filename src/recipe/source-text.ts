// Text files of the commit that a recipe names.

import { KilnError } from "../errors.ts";

/** The text of a file. Throws VERSION_UNRESOLVED when it isn't there or isn't UTF-8. */
export async function readText(path: string, read: (path: string) => Promise<Uint8Array | undefined>): Promise<string> {
  const bytes = await read(path);
  if (bytes === undefined) {
    throw new KilnError(
      "VERSION_UNRESOLVED",
      `${path}: got no such file in the commit, want the one with the version`,
      {
        hint: "commit it, or correct the path in the recipe; it is relative to the repository",
      },
    );
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw new KilnError("VERSION_UNRESOLVED", `${path}: got bytes that aren't UTF-8, want text`, { cause });
  }
}
