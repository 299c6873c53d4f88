// A path in a recipe: relative to the repository, and never outside it.

import { z } from "zod";

import { isInside } from "../system/git.ts";

export const relativePathSchema = z
  .string()
  .min(1)
  .max(1000)
  .refine((path) => isInside(path), "a path inside the repository");
