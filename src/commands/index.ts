// Every command of `kiln`, in the order of --help. Nothing is loaded until it is asked for.

import type { Program } from "../program/help.ts";
import { deployGroup, verifyGroup } from "./deploy-index.ts";

export const kiln: Program = {
  name: "kiln",
  purpose:
    "Bakes each commit once into signed, immutable artifacts, publishes them where stock clients read, deploys by version.",
  groups: [
    verifyGroup,
    deployGroup,
    {
      title: "Keys and settings",
      commands: [
        {
          name: "config",
          summary: "show each setting and where it came from",
          load: async () => (await import("./config.ts")).config,
        },
      ],
    },
  ],
  examples: ["kiln config"],
};
