// Relations to other packages, as a recipe writes them: a list, one relation an entry. What dpkg couldn't read is an error
// of the recipe. `${version}` stands for the package's own version. Spec: deb-control(5), Debian Policy 7.1.

import { PackageURL } from "packageurl-js";
import { z } from "zod";

const name = "[a-z0-9][a-z0-9+.-]*(?::[a-z0-9-]+)?";
const version = String.raw`(?:(?:\d+:)?\d[0-9A-Za-z.+~-]*|\$\{version\})`;
const one = String.raw`${name}(?: ?\((?:<<|<=|=|>=|>>) ?${version}\))?`;

/** `nodejs (>= 20) | node`: any of these. */
export const alternatives = z
  .string()
  .max(1000)
  .regex(new RegExp(String.raw`^${one}(?: ?\| ?${one})*$`), "one relation, as in `nodejs (>= 20) | node`");

/** Only what a package needs can have alternatives. */
export const relation = z
  .string()
  .max(1000)
  .regex(new RegExp(`^${one}$`), "one relation, as in `nodejs (<< 20)`");

export const provided = z
  .string()
  .max(1000)
  .regex(
    new RegExp(String.raw`^${name}(?: ?\(= ?${version}\))?$`),
    "a package's name, as in `editor` or `libsample-abi (= 1)`",
  );

/** A field's value, each relation once; undefined for none. `own`: the package's version. */
export function relationList(relations: readonly string[], own: string): string | undefined {
  const written = relations.map((text) =>
    text
      .replaceAll("${version}", own)
      .replaceAll(/ ?\| ?/g, " | ")
      .replaceAll(/ ?\( ?(<<|<=|=|>=|>>) ?/g, " ($1 "),
  );
  return written.length === 0 ? undefined : [...new Set(written)].join(", ");
}

/** The package that apt would try first. */
export function relationPurl(relation: string): string {
  const first = /^[a-z0-9+.-]+/.exec(relation)?.[0] ?? relation;
  return new PackageURL("deb", "debian", first, undefined, undefined, undefined).toString();
}
