import { PassThrough } from "node:stream";

import { describe, expect, test } from "vitest";

import { openTerminal, type Terminal, type TerminalOptions } from "../../src/terminal.ts";
import { Screen } from "./screen.ts";

function open(options: Partial<TerminalOptions> & { tty?: { columns: number; rows: number } } = {}) {
  const { tty, ...rest } = options;
  let now = 0;
  const stream = new PassThrough() as unknown as NodeJS.WriteStream & PassThrough;
  if (tty !== undefined) Object.assign(stream, { isTTY: true, ...tty });
  const screen = new Screen(tty?.columns ?? 200);
  stream.on("data", (piece: Buffer) => screen.write(piece.toString()));
  const terminal = openTerminal({ stream, env: {}, detail: "normal", clock: () => now, ...rest });
  return { terminal, screen, pass: (milliseconds: number) => (now += milliseconds) };
}

/** A frame is drawn every 80 ms of real time, whatever the injected clock says. */
const frame = () => new Promise((resolve) => setTimeout(resolve, 200));

describe("in a pipe", () => {
  test("a line for each step when it ends, with what came of it and its time", () => {
    const { terminal, screen, pass } = open();
    const signing = terminal.step("sign 3 artifacts");
    pass(200);
    signing.end();
    const upload = terminal.step("upload");
    pass(61_000);
    upload.end("12 artifacts, 3 already there");
    terminal.step("pack deb").skip("already there");
    terminal.step("check").fail();
    terminal.close();
    expect(screen.text()).toBe(
      [
        "✓ sign 3 artifacts  0.2 s",
        "✓ upload  12 artifacts, 3 already there  1 min 01 s",
        "– pack deb  already there",
        "✗ check  0 ms",
      ].join("\n"),
    );
    expect(screen.raw).not.toContain("\u001b");
  });

  test("a child's lines only when its step failed, and then the last ones", () => {
    const { terminal, screen } = open();
    const good = terminal.step("good");
    good.output("of a good step");
    good.end();
    const bad = terminal.step("bad");
    for (let line = 1; line <= 100; line++) bad.output(`line ${line}`);
    bad.fail();
    expect(screen.text()).not.toContain("of a good step");
    expect(screen.text()).not.toContain("line 75\n");
    expect(screen.text()).toContain("✗ bad  0 ms\n  │ line 76\n");
    expect(screen.text()).toMatch(/line 100$/);
  });

  test("a child's lines as they come with --verbose, and not once more", () => {
    const { terminal, screen } = open({ detail: "verbose" });
    const bad = terminal.step("bad");
    bad.output("only once");
    bad.fail();
    expect(screen.text()).toBe("  │ only once\n✗ bad  0 ms");
  });

  test("lines of steps that run at once each say whose they are, and stand whole", () => {
    const { terminal, screen } = open({ detail: "verbose" });
    const [one, two] = [terminal.step("build: one"), terminal.step("build: two")];
    one.output("a");
    two.output("b");
    one.output("c");
    one.end();
    two.output("d");
    two.end();
    expect(screen.text().split("\n")).toEqual([
      "  │ build: one │ a",
      "  │ build: two │ b",
      "  │ build: one │ c",
      "✓ build: one  0 ms",
      "  │ d",
      "✓ build: two  0 ms",
    ]);
  });

  test("a step that failed shows its own last lines, not those of what ran beside it", () => {
    const { terminal, screen } = open();
    const [good, bad] = [terminal.step("good"), terminal.step("bad")];
    good.output("of the good one");
    bad.output("of the bad one");
    good.output("of the good one");
    bad.fail();
    good.skip("ended");
    expect(screen.text()).toBe("✗ bad  0 ms\n  │ of the bad one\n– good  ended");
  });

  test("nothing but errors with --quiet", () => {
    const { terminal, screen } = open({ detail: "quiet" });
    const step = terminal.step("bad");
    terminal.note("note");
    step.output("output");
    step.fail();
    terminal.print("kiln: it failed");
    expect(screen.text()).toBe("kiln: it failed");
  });

  test("a step that ended ends no second time", () => {
    const { terminal, screen } = open();
    const step = terminal.step("once");
    step.end();
    step.fail();
    step.end();
    expect(screen.text()).toBe("✓ once  0 ms");
  });
});

describe("on a terminal", () => {
  const tty = { columns: 100, rows: 24 };

  test("running steps are drawn in place, finished ones stay above them", async () => {
    const { terminal, screen, pass } = open({ tty });
    const upload = terminal.step("upload");
    const wait = terminal.step("wait");
    upload.progress(0, 2 ** 31, "bytes");
    pass(2000);
    upload.progress(2 ** 30, 2 ** 31, "bytes");
    await frame();
    expect(screen.lines()[0]).toMatch(
      /^. upload {22} {2}━{16} {3}50% {2}1\.0 of 2\.0 GiB {2}512 MiB\/s {2}2 s left +2\.0 s$/,
    );
    expect(screen.lines()[1]).toMatch(/^. wait +2\.0 s$/);
    terminal.note("in between");
    wait.end("done");
    await frame();
    expect(screen.lines().slice(0, 2)).toEqual(["in between", expect.stringMatching(/^✓ wait {2}done +2\.0 s$/)]);
    expect(screen.lines()[2]).toMatch(/^. upload/);
    upload.end();
    await frame();
    expect(screen.lines()).toHaveLength(3);
    terminal.close();
    expect(screen.cursor).toBe("shown");
  });

  test("a step shows the last line of its child, whatever runs beside it", async () => {
    const { terminal, screen } = open({ tty });
    const first = terminal.step("fetch");
    first.output("one");
    first.output("\u001b[1mtwo\u001b[0m");
    first.output("");
    await frame();
    expect(screen.lines()).toEqual([expect.stringMatching(/^. fetch {2}two +0\.1 s$/)]);
    first.end();
    const [second, third] = [terminal.step("second"), terminal.step("third")];
    third.output("of the third");
    await frame();
    expect(screen.text()).not.toContain("two");
    expect(screen.lines().slice(1)).toEqual([
      expect.stringMatching(/^. second +0\.1 s$/),
      expect.stringMatching(/^. third {2}of the third +0\.1 s$/),
    ]);
    second.end();
    third.end();
    terminal.close();
  });

  test("nothing is left of a step that never ended", async () => {
    const { terminal, screen } = open({ tty });
    terminal.step("forgotten");
    await frame();
    expect(screen.cursor).toBe("hidden");
    terminal.close();
    terminal.close();
    expect([screen.text(), screen.cursor]).toEqual(["", "shown"]);
  });

  test.each([10, 20, 40, 60, 79, 80, 120])("no line is wider than %i columns", async (columns) => {
    const { terminal, screen, pass } = open({ tty: { columns, rows: 24 } });
    const title = "a title that is long, 日本語, and goes on and on and on and on and on and on and on and on";
    const [one, two] = [terminal.step(title), terminal.step(title)];
    one.progress(0, 2 ** 40, "bytes");
    pass(5000);
    one.progress(2 ** 39, 2 ** 40, "bytes");
    await frame();
    expect(screen.wrapped).toBe(false);
    two.end(title);
    one.fail();
    expect(screen.wrapped).toBe(false);
    terminal.close();
  });

  test("more steps than rows are counted, because what has scrolled away can't be redrawn", async () => {
    const { terminal, screen } = open({ tty: { columns: 80, rows: 10 } });
    for (let step = 0; step < 50; step++) terminal.step(`step ${step}`);
    await frame();
    expect(screen.lines()).toHaveLength(8);
    expect(screen.lines()[7]).toBe("… and 43 more");
    terminal.close();
  });

  test.each([
    ["NO_COLOR", { NO_COLOR: "1", TERM: "xterm" }],
    ["TERM=dumb", { TERM: "dumb" }],
  ])("%s means no colours", async (_, env) => {
    const { terminal, screen } = open({ tty, env });
    terminal.step("step").fail();
    await frame();
    terminal.close();
    // oxlint-disable-next-line no-control-regex -- colours are control sequences
    expect(screen.raw).not.toMatch(/\u001b\[[0-9;]*m/);
  });

  test("TERM=dumb means no cursor movement either", async () => {
    const { terminal, screen } = open({ tty, env: { TERM: "dumb" } });
    terminal.step("step");
    await frame();
    terminal.close();
    expect(screen.raw).toBe("");
  });
});

describe("what comes from outside", () => {
  test("can't control the terminal", () => {
    const { terminal, screen } = open();
    const hostile = "a\u001b[2Jb\u001b]0;title\u0007c\rd\u0008e\u009bf\u202eg\nh";
    const step = terminal.step(hostile);
    terminal.note(hostile);
    step.end(hostile);
    // oxlint-disable-next-line no-control-regex -- they are what must not be there
    expect(screen.raw).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  });

  test("never shows a secret, nor its usual encodings", () => {
    const { terminal, screen } = open({ detail: "verbose" });
    const secret = 'p@ss "word"/ü+=';
    terminal.redact(secret);
    const forms = [
      secret,
      JSON.stringify(secret),
      encodeURIComponent(secret),
      Buffer.from(secret).toString("base64"),
      Buffer.from(secret).toString("hex"),
    ];
    for (const form of forms) everywhere(terminal, `before ${form} after`);
    for (const form of forms) expect(screen.raw).not.toContain(form.replaceAll('"', "").slice(0, 10));
    expect(screen.raw).toContain("before *** after");
  });

  test("shows none of a secret that contains another", () => {
    const { terminal, screen } = open();
    terminal.redact("short");
    terminal.redact("shorter-and-longer");
    terminal.note("it is shorter-and-longer");
    expect(screen.text()).toBe("it is ***");
  });
});

/** Says `text` in every way in which something can be said. */
function everywhere(terminal: Terminal, text: string): void {
  const step = terminal.step(text);
  terminal.note(text);
  step.output(text);
  terminal.print(text);
  step.end(text);
  terminal.step("x").skip(text);
  const failing = terminal.step(text);
  failing.output(text);
  failing.fail();
}
