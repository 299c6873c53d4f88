// A host whose disk fills up at different moments: in a mount namespace of its own, on a file system of a few megabytes.

import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { promisify } from "node:util";

import { afterAll, beforeAll, expect, test } from "vitest";

import { type TestHost, testHost } from "../fixtures/host.ts";
import { type SignedStore, signedStore } from "../fixtures/signed-store.ts";

const program = join(import.meta.dirname, "../fixtures/deploy-program.ts");
let source: SignedStore;
let host: TestHost;

beforeAll(async () => {
  source = await signedStore();
  host = await testHost();
  const release = (version: string, page: string) => source.release({ name: "site", version, files: { page } });
  await release("1", "one");
  await release("2", "two");
  await release("wide", "x".repeat(9_000_000));
  await release("dense", randomBytes(4_500_000).toString("base64"));
});
afterAll(async () => {
  await host.remove();
  await source.remove();
});

/** Runs lines of sh with the host's folder on 8 MB of their own; `put VERSION` deploys. Returns what they print. */
async function onSmallDisk(...lines: string[]): Promise<string[]> {
  const { root } = host;
  const wanted = { root, store: source.folder, trustFile: source.trustFile, verb: "deploy" };
  const put = `put() { '${process.execPath}' '${program}' "$(printf '${JSON.stringify({ ...wanted, subject: "site@%s" })}' "$1")" 2>&1 | grep -oE 'DISK_FULL|JOURNAL_INVALID' | head -n 1; }`;
  const script = [`mount -t tmpfs -o size=8m none '${root}'`, put, `cd '${root}'`, ...lines].join("\n");
  const user = process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"];
  const { stdout } = await promisify(execFile)("unshare", [...user, "--mount", "sh", "-c", script]);
  return stdout.trimEnd().split("\n");
}

test("an archive that wouldn't fit when unpacked, or doesn't fit when fetched, changes nothing", async () => {
  for (const large of ["wide", "dense"]) {
    expect(
      await onSmallDisk(
        "put 1",
        `put ${large}`,
        "cat site/current/page; echo",
        "ls -A site/releases | wc -l",
        "put 2",
        "cat site/current/page",
      ),
    ).toEqual(["DISK_FULL", "one", "1", "two"]);
  }
});

test("a disk without any room refuses before anything changes; with room again all goes on", async () => {
  // Rooms of different sizes end it at different places, also in the middle of a line.
  for (const room of [0, 4096, 8192, 12_288]) {
    expect(
      await onSmallDisk(
        "put 1",
        `head -c ${room} /dev/zero > room`,
        "cat /dev/zero > filler 2>/dev/null",
        "rm room",
        "put 2 > said",
        "cat site/current/page; echo",
        "rm filler",
        "put 2",
        "cat site/current/page",
      ),
    ).toEqual([expect.stringMatching(/^(?:one|two)$/), "two"]);
  }
});
