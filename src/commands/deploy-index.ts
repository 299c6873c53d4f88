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
    {
      name: "audit",
      summary: "check a whole store: log, signatures, every object, every view",
      load: async () => (await import("./audit.ts")).audit,
    },
  ],
};

export const deployGroup: CommandGroup = {
  title: "Deploy",
  commands: [
    {
      name: "deploy",
      summary: "fetch, verify and put into service; back to what ran before if it isn't well",
      load: async () => (await import("./deploy.ts")).deploy,
    },
    {
      name: "rollback",
      summary: "put the release before into service again; needs no store",
      load: async () => (await import("./rollback.ts")).rollback,
    },
    {
      name: "status",
      summary: "what is in service on this host, and whether it runs",
      load: async () => (await import("./status.ts")).status,
    },
    {
      name: "recover",
      summary: "take back what a crash cut off, and start again what should run",
      load: async () => (await import("./recover.ts")).recover,
    },
    {
      name: "history",
      summary: "every deploy and rollback of a name on this host, newest first",
      load: async () => (await import("./history.ts")).history,
    },
  ],
};

export const kilnDeploy: Program = {
  name: "kiln-deploy",
  purpose: "Fetches, verifies and puts into service what Kiln published, and takes it back.",
  groups: [verifyGroup, deployGroup],
  examples: ["kiln-deploy deploy billing:production --store https://releases.example.com", "kiln-deploy status"],
};
