import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { type Lines, quoted, scriptText } from "../../../src/kinds/deb/scripts.ts";
import { temporaryFolder } from "../../system/made-repository.ts";

const lines: readonly Lines[] = [{ before: ["echo before"] }, { after: ["echo after"] }];
const made = (own: string | undefined, some = lines) => scriptText("postinst", { own, lines: some, artifact: "app" });

/** What a shell does with it. */
function run(text: string | undefined): string {
  const file = join(temporaryFolder(), "script");
  writeFileSync(file, text ?? "", { mode: 0o755 });
  return execFileSync(file, ["configure"], { encoding: "utf8", stdio: "pipe" });
}

test("nothing to do is no script; lines alone are one", () => {
  expect(made(undefined, [])).toBeUndefined();
  expect(run(made(undefined))).toBe("before\nafter\n");
});

test("an own script runs between what it needs and what needs it", () => {
  expect(run(made("#!/bin/sh\nset -e\necho own $1\n"))).toBe("before\nown configure\nafter\n");
  expect(run(made("#!/bin/bash -e\r\necho own\r\n"))).toBe("before\nown\nafter\n");
});

test("an own script without `set -e` goes on after its own failures, but not after ours", () => {
  expect(run(made("#!/bin/sh\nfalse\necho own\n"))).toBe("before\nown\nafter\n");
  expect(() => run(made("#!/bin/sh\necho own\n", [{ before: ["false"] }]))).toThrow(/Command failed/);
});

test("with #DEBHELPER# in it, all lines stand there, and nowhere else", () => {
  expect(run(made("#!/bin/sh\nset -e\necho one\n  #DEBHELPER#\necho two\nexit 0\n"))).toBe("one\nbefore\nafter\ntwo\n");
  expect(made("#!/bin/sh\n#DEBHELPER#\necho own\n", [])).toBe("#!/bin/sh\necho own\n");
});

test("a script of another language is taken as it is, as long as nothing must be added", () => {
  expect(made("#!/usr/bin/perl\nprint 1;\n", [])).toBe("#!/usr/bin/perl\nprint 1;\n");
  expect(() => made("#!/usr/bin/perl\nprint 1;\n")).toThrow(/^app: postinst: got a script for \/usr\/bin\/perl/);
});

test.each([
  ["no #!", "echo own\n", /without #!/],
  ["an exit before our lines", "#!/bin/sh\necho own\nexit 0\n", /got an `exit` at its top level/],
  ["two places for our lines", "#!/bin/sh\n#DEBHELPER#\n#DEBHELPER#\n", /got 2 lines #DEBHELPER#/],
])("a script with %s is refused", (_, own, message) => {
  expect(() => made(own)).toThrow(message);
});

test("any text is one word of shell when it is quoted", () => {
  for (const text of ["plain-1.2", "a b", "it's", '$(x) `y` \\ "z"', "ü"]) {
    expect(execFileSync("sh", ["-c", `printf %s ${quoted(text)}`], { encoding: "utf8" })).toBe(text);
  }
});
