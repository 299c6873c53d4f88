import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import fc from "fast-check";
import { expect, test } from "vitest";
import { ZodError } from "zod";

import { KilnError } from "../../../src/errors.ts";
import { oddPackages, writeSource } from "./odd-packages.ts";
import { contentsOf, packDeb } from "./pack.ts";

test(
  "whatever a recipe and a source have: one clear error, or a package that dpkg reads as it was meant",
  { timeout: 120_000 },
  async () => {
    const outcomes = { packed: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(oddPackages, async ({ entry, version, odd }) => {
        const folder = mkdtempSync(join(tmpdir(), "kiln-odd-deb-"));
        try {
          mkdirSync(join(folder, "source"));
          writeSource(join(folder, "source"), odd);
          const packed = await packDeb(entry, { folder, version });
          outcomes.packed += 1;
          const fields = execFileSync("dpkg-deb", ["--field", packed.path], { encoding: "utf8", stdio: "pipe" });
          const names = fields.split("\n").flatMap((line) => /^([A-Za-z-]+): /.exec(line)?.[1] ?? []);
          expect(names).toEqual(Object.keys(packed.record));
          const shown = execFileSync("dpkg-deb", ["--info", packed.path], {
            encoding: "utf8",
            stdio: ["ignore", "pipe", "pipe"],
          });
          expect(shown).toContain(" Package: ");
          for (const mode of Object.values(contentsOf(packed.path)))
            expect(mode).toMatch(/^[-dl][rwxsSt-]{9} root\/root$/);
        } catch (error) {
          outcomes.refused += 1;
          // A ZodError is what a recipe's error is made of: file, line and column come with the recipe.
          if (error instanceof ZodError) return;
          if (!(error instanceof KilnError)) throw error;
          expect(error.code, error.message).toMatch(/^(?:ARTIFACT_INVALID|VERSION_UNMAPPABLE|NAME_INVALID)$/);
          expect(error.hint).toMatch(/\S/);
        } finally {
          rmSync(folder, { recursive: true, force: true });
        }
      }),
      { numRuns: 60 },
    );
    // Neither half is empty: the property says something about both.
    expect(outcomes.packed).toBeGreaterThan(3);
    expect(outcomes.refused).toBeGreaterThan(3);
  },
);
