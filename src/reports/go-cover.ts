// Go's coverage profiles (`go test -coverprofile`): a line for each block of statements. Blocks that stand there several times, as
// with -coverpkg, count once, and are covered if they are anywhere.

import { type LineFormat, percent, reportInvalid } from "./report.ts";

export const goCover: LineFormat = {
  sort: "lines",
  name: "go-cover",
  begins: /^mode: (?:set|count|atomic)\r?\n/,
  read(text, { where }) {
    const blocks = new Map<string, { readonly statements: number; readonly isCovered: boolean }>();
    const lines = text.split(/\r?\n/);
    for (const [at, line] of lines.entries()) {
      if (at === 0 || line === "" || line.startsWith("mode: ")) continue;
      const [, block, statements, count] =
        /^(.+:[0-9]+\.[0-9]+,[0-9]+\.[0-9]+) ([0-9]{1,9}) ([0-9]+)$/.exec(line) ?? [];
      if (block === undefined) {
        throw reportInvalid(
          where,
          `line ${at + 1}: got ${JSON.stringify(line.slice(0, 60))}, want a block and its count`,
        );
      }
      const isCovered = Number(count) > 0 || blocks.get(block)?.isCovered === true;
      blocks.set(block, { statements: Number(statements), isCovered });
    }
    let [covered, total] = [0, 0];
    for (const { statements, isCovered } of blocks.values()) {
      total += statements;
      if (isCovered) covered += statements;
    }
    return { numbers: { statements: percent(covered, total) }, unit: "%", text };
  },
};
