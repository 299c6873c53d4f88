// The systemd units of a package: read, and placed where systemd looks for those of packages.

import { readFileSync } from "node:fs";

import { KilnError } from "../../errors.ts";
import { builtFile, type PackJob } from "../kind.ts";
import type { Placed } from "./files.ts";
import type { UnitsAndUsers } from "./shape.ts";

export type PlacedUnit = Omit<UnitsAndUsers["units"][string], "from"> & {
  readonly name: string;
  /** Whether it says what enabling it means. */
  readonly hasInstall: boolean;
  readonly placed: Placed;
};

/** `folder`: without a leading slash. Throws ARTIFACT_INVALID. */
export function readUnits(
  units: UnitsAndUsers["units"],
  folder: string,
  job: Pick<PackJob, "artifact" | "source">,
): PlacedUnit[] {
  return Object.entries(units).map(([name, { from, ...wishes }]) => {
    const source = builtFile(job, from);
    const { size, hasInstall } = contentOf(source, name, job);
    const placed: Placed = { type: "file", path: name, at: `${folder}/${name}`, source, size, executable: false };
    return { name, ...wishes, hasInstall, placed };
  });
}

function contentOf(source: string, name: string, { artifact }: Pick<PackJob, "artifact">) {
  const bytes = readFileSync(source);
  const text = bytes.toString("utf8");
  if (!/^\[[A-Z][A-Za-z]*\]\s*$/m.test(text)) {
    throw new KilnError(
      "ARTIFACT_INVALID",
      `${artifact}: ${name}: got a file without any section, want a systemd unit`,
      {
        hint: "correct the path of the unit in the recipe: it starts with [Unit] or [Service]",
      },
    );
  }
  return { size: bytes.length, hasInstall: /^\[Install\]\s*$/m.test(text) };
}
