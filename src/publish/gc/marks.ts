// A set of keys that takes little memory, however many there are: of each its digest's first 96 bits. Two keys with the same would only
// keep what could go.

import { createHash } from "node:crypto";

export interface Marks {
  readonly count: number;
  add(key: string): void;
  has(key: string): boolean;
}

export function newMarks(): Marks {
  const known = new Set<string>();
  return {
    get count() {
      return known.size;
    },
    add: (key) => void known.add(shortOf(key)),
    has: (key) => known.has(shortOf(key)),
  };
}

function shortOf(key: string): string {
  return createHash("sha256").update(key).digest("base64").slice(0, 16);
}
