// A channel of many packages: adding one .rpm. A whole publish with all signatures, the log and all views, against `createrepo_c --update`,
// which keeps the indexes alone and signs nothing.

import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import { storeOfPackages } from "./many-packages.ts";
import { absolute, type Pair, timeProcess } from "./measure.ts";
import { completeBake } from "./releases.ts";
import type { Bench, Line, Row } from "./row.ts";
import { makeRpms, type Rpm } from "./rpms.ts";

const sizes = [
  { packages: 10_000, atLeast: 1 },
  { packages: 50_000, atLeast: 5 },
] as const;
/** Number of the first package that no store has. */
const first = 900_000;
const times = 5;

export const yum: Row = {
  name: "yum",
  async run(bench) {
    const rpmAt = await makeRpms(bench.folder);
    const lines: Line[] = [];
    for (const { packages, atLeast } of sizes) {
      const pairs = await adding(bench, packages, rpmAt);
      lines.push({
        what: `adding one .rpm to a channel of ${packages} packages: the time of createrepo_c --update over it`,
        bar: { sense: "≥", limit: atLeast, unit: "×" },
        values: pairs.map(({ kiln, peer }) => peer / kiln),
        detail: absolute(pairs, "createrepo_c"),
      });
    }
    return lines;
  },
};

async function adding(bench: Bench, packages: number, rpmAt: (at: number) => Rpm): Promise<Pair[]> {
  const { folder, program } = bench;
  const store = await storeOfPackages(bench, {
    name: `store-${packages}`,
    packages,
    sort: {
      artifactAt(at) {
        const { file, bytes, sha256, record } = rpmAt(at);
        return { kind: "rpm", platform: "any", file, size: bytes.length, sha256, record };
      },
      bytesAt: rpmAt,
    },
  });
  const repository = join(folder, `createrepo-${packages}`);
  await mkdir(repository);
  for (let at = 0; at < packages; at += 1) await write(rpmAt(at), repository);
  await promisify(execFile)("createrepo_c", ["--quiet", repository]);
  const pairs: Pair[] = [];
  for (let done = 0; done <= times; done += 1) {
    const rpm = rpmAt(first + done);
    const bake = join(folder, `bake-${packages}-${done}`);
    await mkdir(bake);
    await write(rpm, bake);
    await completeBake(bake, { artifact: rpm.file, name: `added-${done}`, kind: "rpm", record: rpm.record });
    await write(rpm, repository);
    const argv = ["publish", bake, "--channel", "staging", "--store", store];
    const kiln = await timeProcess(program.kiln(argv));
    const update = { argv: ["createrepo_c", "--update", "--quiet", repository] as const, env: program.env };
    const pair = { kiln, peer: await timeProcess({ ...update, argv: [...update.argv] }) };
    if (done > 0) pairs.push(pair);
  }
  return pairs;
}

async function write({ file, bytes }: Rpm, folder: string): Promise<void> {
  await writeFile(join(folder, file), bytes);
}
