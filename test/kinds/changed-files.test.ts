import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { writeTree } from "../../src/kinds/system-package/tree.ts";
import { temporaryFolder } from "../system/made-repository.ts";

// What was listed is what control files speak of: sizes and checksums. A file that changes between the two makes no package.

test.each([
  ["grew", "12345", "/usr/share/x: got 5 bytes after 3 while it was packed, want what the build left"],
  ["shrank", "1", "/usr/share/x: got 1 bytes after 3 while it was packed, want what the build left"],
])("a file that %s after it was listed is refused", (_, content, message) => {
  const folder = temporaryFolder();
  const source = join(folder, "x");
  writeFileSync(source, content);
  const root = join(folder, "root");
  mkdirSync(join(root, "usr/share"), { recursive: true });
  const placed = [{ type: "file", path: "x", at: "usr/share/x", source, size: 3, executable: false }] as const;
  expect(() => writeTree(root, placed, 0)).toThrow(expect.objectContaining({ code: "ARTIFACT_INVALID", message }));
});
