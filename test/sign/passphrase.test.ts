import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import { silent } from "../../src/report.ts";
import { readPassphrase } from "../../src/sign/passphrase.ts";

let cwd: string;
let redacted: string[];

beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), "kiln-passphrase-"));
  redacted = [];
});

afterEach(async () => {
  await rm(cwd, { recursive: true });
});

const read = (env: Record<string, string>, file?: string) =>
  readPassphrase({ env, cwd, report: { ...silent, redact: (secret) => void redacted.push(secret) } }, file);

test("the passphrase comes from KILN_PASSPHRASE, as it stands, and is redacted", async () => {
  expect(await read({ KILN_PASSPHRASE: " sesame \n" })).toBe(" sesame \n");
  expect(redacted).toEqual([" sesame \n"]);
});

test("a file that was named wins, without the newline at its end, and is redacted", async () => {
  await writeFile(join(cwd, "p"), "open sesame\n");
  await writeFile(join(cwd, "windows"), "open sesame\r\n");
  await writeFile(join(cwd, "two"), "open sesame\n\n");
  expect(await read({ KILN_PASSPHRASE: "other" }, "p")).toBe("open sesame");
  expect(await read({}, join(cwd, "windows"))).toBe("open sesame");
  expect(await read({}, "two")).toBe("open sesame\n");
  expect(redacted).toEqual(["open sesame", "open sesame", "open sesame\n"]);
});

test("no passphrase, an empty one, and a file that isn't there are PASSPHRASE_MISSING with a way out", async () => {
  await writeFile(join(cwd, "empty"), "\n");
  const none: [env: Record<string, string>, file?: string][] = [
    [{}],
    [{ KILN_PASSPHRASE: "" }],
    [{}, "empty"],
    [{}, "absent"],
    [{}, "."],
  ];
  for (const [env, file] of none) {
    await expect(read(env, file)).rejects.toMatchObject({
      code: "PASSPHRASE_MISSING",
      hint: expect.stringContaining("KILN_PASSPHRASE_FILE"),
    });
  }
});
