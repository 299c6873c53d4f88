// The options of every command that may bake. Apart from what bakes: a command that turns out not to doesn't load that.

export const bakeOptions = [
  { flags: "--recipe FILE", description: "the recipe, in the repository; kiln.yaml if left out" },
  { flags: "--ref REF", description: "the branch or tag that this is for; found in the repository if left out" },
  { flags: "--allow-dirty", description: "bake the work tree as it is, under a version that says so" },
  { flags: "--isolation MODE", description: "what steps run in: sandbox, or none (KILN_ISOLATION)" },
] as const;

/** Of commands that may bake a part of a release. */
export const cellOption = {
  flags: "--cell VALUES",
  description: "only these cells of the matrix, as in suite=bookworm,python=3.12",
} as const;
