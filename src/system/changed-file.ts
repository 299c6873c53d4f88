// The error for a file that isn't what it was when it was listed: a build step left something running that writes to it.

import { KilnError } from "../errors.ts";

/** `path`: as the recipe's author knows it. `got`: `fewer than its 12 bytes`, `nothing there any more`. */
export function changedFile(path: string, got: string, cause?: unknown): KilnError {
  return new KilnError("ARTIFACT_INVALID", `${path}: got ${got} while it was packed, want what the build left`, {
    hint: "something changed the file: let build steps end all that they start",
    cause,
  });
}
