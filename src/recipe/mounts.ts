// Folders and files of the machine that steps see, read-only. What they hold is pinned in the lock file.

import { z } from "zod";

const absolute = z
  .string()
  .max(1000)
  .regex(/^(?:\/[^/\0]+)+$/, "an absolute path")
  .refine((path) => !path.split("/").some((name) => name === "." || name === ".."), "a path without . and ..");

/** Sandboxes have their own here. */
const taken = /^\/(?:build|built-again|dev|etc|opt\/kiln|proc|run|sys|tmp|var\/tmp)(?:\/|$)/;
/** Whatever hides one of these hides the system. */
const system = /^\/(?:usr|opt|var|bin|sbin|lib|lib32|lib64|libx32)$/;

const target = absolute.refine(
  (path) => !taken.test(path) && !system.test(path),
  "a place that isn't the sandbox's own or the system's, as in /opt/sdk",
);

export const mountsSchema = z
  .record(target, absolute)
  .refine(
    (mounts) => !Object.keys(mounts).some((one, _, all) => all.some((other) => one.startsWith(`${other}/`))),
    "no mount inside another",
  )
  .default({});
