// How long it takes to start: against `node -e 0`, started in turns.

import { alternate, median, type Pair, timeProcess } from "./measure.ts";
import { deployable } from "./releases.ts";
import type { Row } from "./row.ts";

export const version: Row = {
  name: "version",
  async run({ program }) {
    const pairs = await alternate({ kiln: program.kiln(["--version"]), peer: program.bareNode, times: 30 });
    return [
      {
        what: "`kiln --version`, installed from the tarball, over `node -e 0`",
        bar: { sense: "≤", limit: 40, unit: "ms" },
        values: pairs.map(({ kiln, peer }) => kiln - peer),
        detail: overNode(pairs),
      },
    ];
  },
};

export const unmoved: Row = {
  name: "unmoved",
  async run(bench) {
    const { deploy } = await deployable(bench, { files: 300, bytes: 3e6, content: "text" });
    await timeProcess(deploy());
    const pairs = await alternate({ kiln: deploy(), peer: bench.program.bareNode, times: 30 });
    return [
      {
        what: "`kiln-deploy deploy` when the channel has not moved, over `node -e 0`",
        bar: { sense: "≤", limit: 100, unit: "ms" },
        values: pairs.map(({ kiln, peer }) => kiln - peer),
        detail: overNode(pairs),
      },
    ];
  },
};

function overNode(pairs: readonly Pair[]): string {
  return `kiln ${median(pairs.map(({ kiln }) => kiln)).toFixed(0)} ms, node ${median(pairs.map(({ peer }) => peer)).toFixed(0)} ms`;
}
