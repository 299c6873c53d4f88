// The activators. Adding one is a file beside this one, a line here and a test.

import type { Activator } from "./activator.ts";
import { directory } from "./directory.ts";

export const activators: readonly Activator[] = [directory];

/** The activator that a specification's `with` names. */
export function activatorNamed(name: string): Activator | undefined {
  return activators.find((activator) => activator.name === name);
}
