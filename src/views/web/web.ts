// `index.html` and `web/`: pages for people, by name. Every page is derived from log and pool, and none is believed by anything: a
// page of a name leads to those of its releases, the front page to those of the names. A publish writes its release's page, its
// name's, and the front page, however many releases and names there are.

import pMap from "p-map";

import type { Leaf } from "../../artifact/leaf.ts";
import { atOnce, type RepositorySource, type View } from "../view.ts";
import { frontRowOf } from "./fold.ts";
import { writeFront } from "./front-writer.ts";
import { webGenerations } from "./kept.ts";
import { webKeys } from "./keys.ts";
import { writeName } from "./name-writer.ts";
import { styleBytes, styleKey } from "./page.ts";
import { webSource } from "./source.ts";
import type { FrontRow } from "./state.ts";
import { superseding } from "./superseding.ts";

export const webView: View<RepositorySource> = {
  name: "web",
  generations: webGenerations,
  async take(leaves, repository, written) {
    const source = webSource(repository);
    const target = superseding(written);
    if (leaves.length === 0 && !source.afresh) return;
    const front = await target.read(webKeys.front);
    // A front page that has another style was written by another Kiln: whoever is first brings its own.
    if (front === undefined || source.afresh || !usesOurStyle(front)) await target.once(styleKey, styleBytes);
    const names = [...Map.groupBy(leaves, ({ leaf }) => leaf.name)];
    const before = new Map<string, FrontRow>();
    const rows = await pMap(
      names,
      async ([name, all]) => {
        const { state, before: row } = await writeName({ name, leaves: all, source, target });
        if (row !== undefined) before.set(name, row);
        // What the front page shows of a name is said by releases and moves alone.
        return all.some(({ leaf }) => isOnFront(leaf)) ? [frontRowOf(state)] : [];
      },
      { concurrency: atOnce },
    );
    if (rows.flat().length > 0 || source.afresh)
      await writeFront({ rows: rows.flat(), before, source, target, read: front });
  },
};

function usesOurStyle(page: Uint8Array): boolean {
  return Buffer.from(page.buffer, page.byteOffset, page.length).includes(styleKey.slice(styleKey.lastIndexOf("/") + 1));
}

function isOnFront({ type }: Leaf): boolean {
  return type === "release" || type === "channel";
}
