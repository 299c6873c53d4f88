// A channel of many packages: adding one .deb, and moving a name. Whole processes, with all signatures, the log and all views, against
// aptly and reprepro, which keep and sign the indexes alone.

import { mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { makePeers } from "./apt-peers.ts";
import { debAt } from "./debs.ts";
import { storeOfPackages } from "./many-packages.ts";
import { absolute, duration, median, type Pair, type Run, timeProcess } from "./measure.ts";
import { completeBake } from "./releases.ts";
import type { Bench, Line, Row } from "./row.ts";

const many = 50_000;
const sizes = [1000, 10_000, many, 200_000] as const;
/** Number of the first package that no store has. */
const first = 1_000_000;
const times = 5;

export const apt: Row = {
  name: "apt",
  async run(bench) {
    const next = newBakes(bench);
    const store = await storeOfPackages(bench, { name: "store", packages: many });
    const peers = await makePeers(bench, many);
    const added: number[] = [];
    const against = async (peer: (deb: string) => Run, count: number): Promise<Pair[]> => {
      const pairs: Pair[] = [];
      for (let done = 0; done < count; done += 1) {
        const { bake, deb } = await next();
        pairs.push({ kiln: await timeProcess(adding(bench, store, bake)), peer: await timeProcess(peer(deb)) });
      }
      added.push(...pairs.map(({ kiln }) => kiln));
      return pairs;
    };
    // Once without counting it.
    await against(peers.reprepro.gz, 1);
    added.length = 0;
    const gz = await against(peers.reprepro.gz, times);
    const xz = await against(peers.reprepro.xz, 3);
    const aptly = await against(peers.aptly, 3);
    return [
      {
        what: "adding one .deb to a channel of 50,000 packages, whole process",
        bar: { sense: "≤", limit: 1000, unit: "ms" },
        values: added,
        detail: "a folder store",
      },
      faster("reprepro with gz alone", 1, gz),
      faster("reprepro with gz and xz", 10, xz),
      faster("aptly", 10, aptly),
      await promoting(bench, { store, next }),
    ];
  },
};

interface NewBake {
  /** The bake's folder. */
  readonly bake: string;
  /** Path of its package. */
  readonly deb: string;
  readonly name: string;
}

/** Bakes of one .deb each, all of them new. */
function newBakes({ folder }: Bench): (of?: { readonly name: string; readonly version: string }) => Promise<NewBake> {
  let count = 0;
  return async (of) => {
    count += 1;
    const { name, version } = of ?? { name: `added-${count}`, version: "1.0.0" };
    const { file, bytes, fields } = debAt(first + count, version);
    const bake = join(folder, `bake-${count}`);
    await mkdir(bake);
    await writeFile(join(bake, file), bytes);
    await completeBake(bake, { artifact: file, name, version, kind: "deb", record: fields });
    return { bake, deb: join(bake, file), name };
  };
}

function adding({ program }: Bench, store: string, bake: string): Run {
  return program.kiln(["publish", bake, "--channel", "staging", "--store", store]);
}

function faster(peer: string, limit: number, pairs: readonly Pair[]): Line {
  return {
    what: `the same by ${peer}, over it`,
    bar: { sense: "≥", limit, unit: "×" },
    values: pairs.map((pair) => pair.peer / pair.kiln),
    detail: absolute(pairs, peer),
  };
}

interface Place {
  readonly store: string;
  readonly next: ReturnType<typeof newBakes>;
}

async function promoting(bench: Bench, { store, next }: Place): Promise<Line> {
  const versions = ["1.0.0", "1.0.1"] as const;
  for (const version of versions) {
    await timeProcess(adding(bench, store, (await next({ name: "moved", version })).bake));
  }
  const values: number[] = [];
  for (let done = 0; done < 2 * times; done += 1) {
    const argv = ["promote", `moved@${versions[done % 2]}`, "staging", "--store", store];
    values.push(await timeProcess(bench.program.kiln(argv)));
  }
  return {
    what: "promote in a channel of 50,000 packages, whole process",
    bar: { sense: "≤", limit: 1500, unit: "ms" },
    values,
    detail: "back and forth",
  };
}

/** Per step from one size to the next: the times' ratio over that of the bytes of the indexes. */
export const aptSizes: Row = { name: "apt-sizes", run: growing };

async function growing(bench: Bench): Promise<Line[]> {
  const next = newBakes(bench);
  const measured: { readonly size: number; readonly time: number; readonly bytes: number }[] = [];
  for (const size of sizes) {
    const path = await storeOfPackages(bench, { name: `store-${size}`, packages: size });
    const values: number[] = [];
    for (let done = 0; done <= times; done += 1) {
      const value = await timeProcess(adding(bench, path, (await next()).bake));
      if (done > 0) values.push(value);
    }
    measured.push({ size, time: median(values), bytes: await indexBytes(path) });
  }
  return measured.slice(1).map((large, at) => {
    const small = measured[at] as (typeof measured)[number];
    return {
      what: `adding one to ${large.size} packages over adding one to ${small.size}, over the indexes' bytes`,
      bar: { sense: "≤", limit: 1, unit: "×" },
      values: [large.time / small.time / (large.bytes / small.bytes)],
      detail: `${duration(small.time)} and ${duration(large.time)}, ${mega(small.bytes)} and ${mega(large.bytes)}`,
    };
  });
}

async function indexBytes(store: string): Promise<number> {
  const folder = join(store, "dists/staging/main/binary-amd64");
  const files = (await readdir(folder)).filter((name) => name.startsWith("Packages."));
  const found = await Promise.all(files.map((name) => stat(join(folder, name))));
  return found.reduce((sum, { size }) => sum + size, 0);
}

function mega(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
