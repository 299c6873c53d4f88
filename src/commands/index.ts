// Every command of `kiln`, in the order of --help. Nothing is loaded until it is asked for.

import type { Program } from "../program/help.ts";
import { deployGroup, verifyGroup } from "./deploy-index.ts";

export const kiln: Program = {
  name: "kiln",
  purpose:
    "Bakes each commit once into signed, immutable artifacts, publishes them where stock clients read, deploys by version.",
  groups: [
    {
      title: "Bake",
      commands: [
        {
          name: "init",
          summary: "look at the project, and write a recipe that bakes at once",
          load: async () => (await import("./init.ts")).init,
        },
        {
          name: "plan",
          summary: "show what would be baked: version, inputs, tools, bake key",
          load: async () => (await import("./plan.ts")).plan,
        },
        {
          name: "lock",
          summary: "pin the packages of the recipe's base in a lock file beside it",
          load: async () => (await import("./lock.ts")).lock,
        },
        {
          name: "bake",
          summary: "run the recipe: artifacts, their SBOMs and their provenance, once per commit",
          load: async () => (await import("./bake.ts")).bake,
        },
        {
          name: "rebuild",
          summary: "bake a published release again from its provenance, and compare",
          load: async () => (await import("./rebuild.ts")).rebuild,
        },
      ],
    },
    {
      title: "Publish",
      commands: [
        {
          name: "store create",
          summary: "make a new store: its log, and its keys unless there are some",
          load: async () => (await import("./store-create.ts")).storeCreate,
        },
        {
          name: "publish",
          summary: "sign and publish what was baked; bakes first unless a folder is given",
          load: async () => (await import("./publish.ts")).publish,
        },
        {
          name: "promote",
          summary: "make a channel show a release",
          load: async () => (await import("./promote.ts")).promote,
        },
        {
          name: "yank",
          summary: "take a release back: it stays, but no channel, tag or deploy leads to it any more",
          load: async () => (await import("./yank.ts")).yank,
        },
        {
          name: "unyank",
          summary: "take a yank back: the release may be led to again",
          load: async () => (await import("./yank.ts")).unyank,
        },
        {
          name: "refresh",
          summary: "sign anew, with a new date, what clients refuse when it is old",
          load: async () => (await import("./refresh.ts")).refresh,
        },
        {
          name: "retire",
          summary:
            "say that the artifacts of old releases needn't be kept; all but the newest, or those that are named",
          load: async () => (await import("./retire.ts")).retire,
        },
        {
          name: "gc",
          summary: "remove what nothing refers to, and what was retired, once it is older than the grace time",
          load: async () => (await import("./gc.ts")).gc,
        },
        {
          name: "sync",
          summary: "mirror a store, or what a channel shows, to another store",
          load: async () => (await import("./sync.ts")).sync,
        },
        {
          name: "views rebuild",
          summary: "write every view anew from the log and the pool",
          load: async () => (await import("./views-rebuild.ts")).viewsRebuild,
        },
      ],
    },
    {
      title: "Look",
      commands: [
        {
          name: "list",
          summary: "what exists: names and their channels, or the versions of one name",
          load: async () => (await import("./list.ts")).list,
        },
        {
          name: "show",
          summary: "one release: its source, artifacts, channels and aliases; or the history of one name's channels",
          load: async () => (await import("./show.ts")).show,
        },
      ],
    },
    verifyGroup,
    deployGroup,
    {
      title: "Keys and settings",
      commands: [
        {
          name: "keys create",
          summary: "make the keys of a new store: log, release and OpenPGP key, in one encrypted file",
          load: async () => (await import("./keys-create.ts")).keysCreate,
        },
        {
          name: "keys list",
          summary: "show which keys a key file holds",
          load: async () => (await import("./keys-list.ts")).keysList,
        },
        {
          name: "keys export",
          summary: "print public keys: a trust file for clients to pin, or one key in the form of another client",
          load: async () => (await import("./keys-export.ts")).keysExport,
        },
        {
          name: "config",
          summary: "show each setting and where it came from",
          load: async () => (await import("./config.ts")).config,
        },
      ],
    },
  ],
  examples: [
    "kiln store create /srv/kiln --origin releases.example.com",
    "kiln publish --store /srv/kiln --channel staging",
    "kiln promote billing:staging production --store /srv/kiln",
    "kiln deploy billing:production --store /srv/kiln",
  ],
};
