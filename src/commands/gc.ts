// `kiln gc`: removes what nothing refers to and what was retired, once it is older than the grace time. It needs no key.

import { KilnError } from "../errors.ts";
import { collectGarbage } from "../publish/gc/gc.ts";
import { shortestGrace } from "../publish/gc/grace.ts";
import type { ListedObject } from "../stores/store.ts";
import { openWritableStore } from "../stores/writable.ts";
import { size } from "./columns.ts";
import type { Command, Input } from "./command.ts";
import { loadConfiguration, requireStore } from "./configuration.ts";
import { originOf, readTrust } from "./store-access.ts";

const hour = 3_600_000;

export const gc: Command = {
  summary: "remove what nothing refers to, and what was retired, once it is older than the grace time",
  options: [
    {
      flags: "--grace TIME",
      description: "how long it must have lain unused: days or hours, 3d if left out, at least 1d",
    },
    { flags: "--dry-run", description: "say what would be removed, remove nothing" },
  ],
  examples: ["kiln gc --dry-run --store ./store", "kiln gc --grace 7d --store ./store"],
  async run(input, context) {
    const grace = graceOf(input);
    const configuration = await loadConfiguration(input, context);
    const store = await openWritableStore(requireStore(configuration), context);
    const trust = await readTrust(configuration, context, await originOf(store));
    const isDryRun = input.options["dryRun"] === true;
    const objects: ListedObject[] = [];
    const onRemoved = (object: ListedObject) => void objects.push(object);
    const collected = await collectGarbage({ store, trust, grace, isDryRun, onRemoved, context });
    const { removed, bytes, uploads, seen, since } = collected;
    const found = objects.toSorted((a, b) => (a.key < b.key ? -1 : 1));
    const verb = isDryRun ? "would remove" : "removed";
    return {
      json: {
        dryRun: isDryRun,
        removed,
        bytes,
        uploads,
        seen,
        since,
        objects: found.map(({ key, size: its }) => ({ key, size: its })),
      },
      text: [
        ...(uploads === 0 ? [] : [`${verb} the parts of ${uploads} uploads that were never completed`]),
        ...found.map((object) => `${verb} ${object.key}  ${size(object.size)}`),
        removed === 0
          ? "nothing to remove"
          : `${verb} ${removed} ${removed === 1 ? "object" : "objects"}, ${size(bytes)}`,
      ].join("\n"),
    };
  },
};

/** Milliseconds. Throws USAGE. */
function graceOf({ options }: Input): number {
  const { grace } = options;
  if (typeof grace !== "string") return 3 * shortestGrace;
  const [, count = "", unit] = /^([0-9]{1,5})([dh])$/.exec(grace) ?? [];
  const time = Number(count) * (unit === "d" ? 24 * hour : hour);
  if (unit !== undefined && time >= shortestGrace) return time;
  throw new KilnError("USAGE", `--grace: got ${JSON.stringify(grace)}, want 1d or more, as days (3d) or hours (36h)`, {
    hint: "publishers and deploys that are on their way rely on it",
  });
}
