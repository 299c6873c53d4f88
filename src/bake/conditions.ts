// The conditions of a bake, and those of the second bake of `--twice`, which differ in everything that must not matter.

import type { Conditions } from "../system/sandbox.ts";

/** `time` is SOURCE_DATE_EPOCH: where the fixed clock starts. */
export function usualConditions(time: number): Conditions {
  return { folder: "/build", umask: 0o022, timeZone: "UTC", clock: time };
}

/** Another path, longer too; another umask; a time zone far off, on another day; a clock more than a year on. */
export function otherConditions(time: number): Conditions {
  return {
    folder: "/built-again/in-another-place",
    umask: 0o027,
    timeZone: "KLN-13:45",
    clock: time + 401 * 24 * 3600 + 5 * 3600 + 1234,
  };
}
