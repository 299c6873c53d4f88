import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { asExpected, parseSession, playSession } from "./session.ts";

const folder = join(import.meta.dirname, "sessions");

describe.concurrent("the sessions in test/cli/sessions print what they say", { timeout: 180_000 }, () => {
  test.each(readdirSync(folder).filter((name) => name.endsWith(".txt")))("%s", async (name) => {
    const exchanges = parseSession(readFileSync(join(folder, name), "utf8"));
    const said = await playSession(exchanges);
    const matched = exchanges.map(({ line, command, said: wanted }, index) => {
      const real = said[index] ?? { stdout: [], stderr: [], status: -1 };
      const place = `${name}:${line} $ ${command}`;
      return {
        place,
        wanted,
        real: {
          stdout: asExpected(real.stdout, wanted.stdout),
          stderr: asExpected(real.stderr, wanted.stderr),
          status: real.status,
        },
      };
    });
    expect(matched.map(({ place, real }) => ({ place, ...real }))).toEqual(
      matched.map(({ place, wanted }) => ({ place, ...wanted })),
    );
  });
});

describe("the reader of sessions", () => {
  test("tells stdout, stderr and status apart", () => {
    expect(parseSession("# c\n\n$ a b\nout\n! err\n= 3\n\n$ c\n")).toEqual([
      { line: 3, command: "a b", said: { stdout: ["out"], stderr: ["err"], status: 3 } },
      { line: 8, command: "c", said: { stdout: [], stderr: [], status: 0 } },
    ]);
  });

  test("doesn't let a wildcard stand for what is missing or different", () => {
    expect(asExpected(["a 1 b"], ["a … b"])).toEqual(["a … b"]);
    expect(asExpected(["a 1 c"], ["a … b"])).toEqual(["a 1 c"]);
    expect(asExpected(["a", "x", "y", "b"], ["a", "…", "b"])).toEqual(["a", "…", "b"]);
    expect(asExpected(["a"], ["a", "…", "b"])).toEqual(["a"]);
    expect(asExpected(["axb"], ["a.b"])).toEqual(["axb"]);
  });
});
