// The kinds of artifact: the recipe's types, its reference and the dispatch follow from this list.

import { archive } from "./archive.ts";
import { chart } from "./chart/chart.ts";
import { deb } from "./deb/deb.ts";
import type { Kind } from "./kind.ts";
import { npm } from "./npm/npm.ts";
import { sdist } from "./python/sdist.ts";
import { wheel } from "./python/wheel.ts";
import { report } from "./report.ts";
import { rpm } from "./rpm/rpm.ts";
import { venvDeb } from "./venv-deb/venv-deb.ts";

export const kinds = [archive, npm, wheel, sdist, deb, rpm, chart, venvDeb, report] as const satisfies readonly Kind[];

/** The kind that is named so: a recipe and a manifest name only those in the list. */
export function kindOf(name: string): Kind {
  const found = (kinds as readonly Kind[]).find((kind) => kind.name === name);
  if (found === undefined) throw new TypeError(`${name} is no kind of artifact`);
  return found;
}
