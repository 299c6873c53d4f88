// The kinds of artifact: the recipe's types, its reference and the dispatch follow from this list.

import { archive } from "./archive.ts";
import { deb } from "./deb/deb.ts";
import type { Kind } from "./kind.ts";
import { npm } from "./npm.ts";

export const kinds = [archive, npm, deb] as const satisfies readonly Kind[];
