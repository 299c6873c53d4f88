// The commands that `kiln-deploy` has too. They reach no code that bakes or signs: the bundle's test holds that.

import type { Program } from "../program/help.ts";
import type { CommandGroup } from "./entry.ts";

export const verifyGroup: CommandGroup = {
  title: "Verify",
  commands: [
    {
      name: "verify",
      summary: "verify one file or release: signatures, log proof, provenance, SBOM",
      load: async () => (await import("./verify.ts")).verify,
    },
  ],
};

export const deployGroup: CommandGroup = { title: "Deploy", commands: [] };

export const kilnDeploy: Program = {
  name: "kiln-deploy",
  purpose: "Fetches, verifies and puts into service what Kiln published, and takes it back.",
  groups: [verifyGroup, deployGroup],
  examples: [],
};
