import { spawn } from "node:child_process";
import { once } from "node:events";
import { openSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

const odd = join(import.meta.dirname, "programs/odd.ts");

function start(args: readonly string[], stdout: "pipe" | number = "pipe") {
  const child = spawn(process.execPath, [odd, ...args], {
    stdio: ["ignore", stdout, "pipe"],
    env: { PATH: "/usr/bin:/bin" },
  });
  const texts = { stdout: "", stderr: "" };
  child.stdout?.setEncoding("utf8").on("data", (piece: string) => (texts.stdout += piece));
  child.stderr?.setEncoding("utf8").on("data", (piece: string) => (texts.stderr += piece));
  const ended = once(child, "close").then(([status, signal]) => ({
    ...texts,
    status: status as number,
    signal: signal as string,
  }));
  const says = async (text: string): Promise<void> => {
    while (!texts.stderr.includes(text)) await once(child.stderr!, "data");
  };
  return { child, ended, says };
}

describe.concurrent("a signal", () => {
  test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
    "%s stops the work, and is an error of its own",
    async (signal) => {
      const { child, ended, says } = start(["wait", "--json"]);
      await says("waiting");
      child.kill(signal);
      const { stdout, stderr, status } = await ended;
      expect(status).toBe(1);
      expect(stderr).toMatch(/^waiting\n✗ wait {2}\S+ \S+\nodd: stopped by/);
      expect(stderr).toContain(`odd: stopped by ${signal} [CANCELLED]\nhint: `);
      expect(JSON.parse(stdout)).toMatchObject({ error: { code: "CANCELLED" } });
    },
  );

  test("a second time ends a command that doesn't listen", async () => {
    const { child, ended, says } = start(["deaf"]);
    await says("waiting");
    child.kill("SIGTERM");
    // The second must not overtake the handling of the first.
    await new Promise((resolve) => setTimeout(resolve, 200));
    child.kill("SIGTERM");
    expect(await ended).toMatchObject({ status: null, signal: "SIGTERM" });
  });
});

describe.concurrent("stdout", () => {
  test("gets all of a large result, also through a pipe", async () => {
    const { stdout, status } = await start(["much"]).ended;
    expect([stdout.length, status]).toEqual([3_000_000, 0]);
  });

  test("is one JSON object with --json", async () => {
    const { stdout } = await start(["much", "--json"]).ended;
    expect(JSON.parse(stdout)).toEqual({ kiln: 1, much: "x".repeat(3_000_000) });
    expect(stdout.indexOf("\n")).toBe(stdout.length - 1);
  });

  test("may be closed by a reader that had enough", async () => {
    const { child, ended } = start(["much"]);
    child.stdout?.destroy();
    expect(await ended).toMatchObject({ status: 0, stderr: "" });
  });

  test("that is full is an error", async () => {
    const { stderr, status } = await start(["much"], openSync("/dev/full", "w")).ended;
    expect(status).toBe(1);
    expect(stderr).toMatch(/^odd: .*no more room.* \[DISK_FULL\]\nhint: .*\n$/);
  });
});

describe.concurrent("an exit status", () => {
  test("is what the command returns", async () => {
    expect(await start(["refuse"]).ended).toMatchObject({ status: 3, stdout: "refused\n", stderr: "" });
  });
});

describe.concurrent("an error", () => {
  test("that Kiln didn't foresee is told as its bug, with the stack", async () => {
    const { stderr, status } = await start(["bug"]).ended;
    expect(status).toBe(1);
    expect(stderr).toMatch(/^odd: TypeError: x is not a function \[INTERNAL\]\nhint: .*report.*\nTypeError: x is not/);
    expect(stderr).toContain("odd.ts");
  });

  test("that nobody awaited is told the same way", async () => {
    const { stderr, status } = await start(["later", "--quiet"]).ended;
    expect(status).toBe(1);
    expect(stderr).toMatch(/^odd: Error: nobody awaited this \[INTERNAL\]\n/);
  });

  test("of the operating system has a code and a hint", async () => {
    const full = await start(["write"]).ended;
    expect(full.stderr).toMatch(/^odd: .*no more room on the disk \[DISK_FULL\]\nhint: .*\n$/);
    const refused = await start(["forbidden"]).ended;
    expect(refused.stderr).toMatch(
      /^odd: \/proc\/sys\/kernel\/ostype: got E\w+ from the operating system \[PERMISSION_DENIED\]\nhint: .*\n$/,
    );
  });

  test("with several lines keeps its code on the first, and has no control characters", async () => {
    const { stderr, status } = await start(["lines"]).ended;
    expect(status).toBe(2);
    expect(stderr).toBe("odd: kiln.yaml: got two errors [RECIPE_INVALID]\n  first\n  second\nhint: mend them\n");
  });

  test.each([[[]], [["--json"]], [["--verbose"]], [["--json", "--verbose"]]])(
    "never shows a secret: %j",
    async (flags) => {
      const { stdout, stderr, status } = await start(["secret", ...flags]).ended;
      expect(status).toBe(1);
      expect(stdout + stderr).not.toMatch(/correct-horse|battery-staple/);
      expect(stderr).toContain("odd: the message says *** [STEP_FAILED]");
      expect(stderr).toContain("the output says ***");
    },
  );

  test("is all that is printed with --quiet", async () => {
    const { stderr } = await start(["secret", "--quiet"]).ended;
    expect(stderr).toBe("odd: the message says *** [STEP_FAILED]\nhint: the hint says ***\n");
  });
});
