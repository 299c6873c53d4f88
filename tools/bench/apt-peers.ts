// What others take to add a package to an apt repository of the same size: aptly, and reprepro with two sorts of indexes. All sign.

import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import { debAt } from "./debs.ts";
import type { Run } from "./measure.ts";
import type { Bench } from "./row.ts";

const execute = promisify(execFile);

/** Files that a program is given at once. */
const batch = 2000;

export interface Peers {
  /** Adds the .deb at this path. */
  readonly aptly: (deb: string) => Run;
  /** `.gz` and `.xz` indexes; `.gz` alone. */
  readonly reprepro: Readonly<Record<"xz" | "gz", (deb: string) => Run>>;
}

/** Makes their repositories of `packages` packages, the same that `storeOfPackages` makes. */
export async function makePeers({ folder, program }: Bench, packages: number): Promise<Peers> {
  const env = { ...program.env, GNUPGHOME: join(folder, "gnupg") };
  await mkdir(env.GNUPGHOME, { mode: 0o700 });
  const key = ["--batch", "--passphrase", "", "--quick-generate-key", "bench@kiln.invalid", "rsa4096", "sign", "never"];
  await execute("gpg", key, { env });
  const files = await writeDebs(join(folder, "debs"), packages);
  const start = async (program: string, args: readonly string[]) =>
    await execute(program, args, { env, maxBuffer: 1e9 });

  const configuration = join(folder, "aptly.conf");
  await writeFile(configuration, JSON.stringify({ rootDir: join(folder, "aptly") }));
  const aptly = (...args: readonly string[]) => start("aptly", [`-config=${configuration}`, ...args]);
  await aptly("repo", "create", "many");
  await aptly("repo", "add", "many", join(folder, "debs"));
  await aptly("publish", "repo", "-distribution=staging", "-architectures=amd64,arm64", "-acquire-by-hash", "many");

  const reprepro = { xz: join(folder, "reprepro-xz"), gz: join(folder, "reprepro-gz") };
  const settings = "Codename: staging\nArchitectures: amd64 arm64\nComponents: main\nSignWith: bench@kiln.invalid\n";
  await mkdir(join(reprepro.xz, "conf"), { recursive: true });
  await writeFile(join(reprepro.xz, "conf/distributions"), `${settings}DebIndices: Packages Release .gz .xz\n`);
  for (let from = 0; from < files.length; from += batch) {
    const some = files.slice(from, from + batch);
    await start("reprepro", ["-b", reprepro.xz, "--export=silent-never", "includedeb", "staging", ...some]);
  }
  await start("reprepro", ["-b", reprepro.xz, "export"]);
  await start("cp", ["-al", reprepro.xz, reprepro.gz]);
  // What it writes to in place must not be the other's.
  for (const own of ["conf", "db"]) {
    await start("rm", ["-r", join(reprepro.gz, own)]);
    await start("cp", ["-r", join(reprepro.xz, own), reprepro.gz]);
  }
  await writeFile(join(reprepro.gz, "conf/distributions"), `${settings}DebIndices: Packages Release .gz\n`);
  await start("reprepro", ["-b", reprepro.gz, "export"]);

  const script = 'aptly -config="$1" repo add many "$2" && aptly -config="$1" publish update staging';
  const includes =
    (repository: string) =>
    (deb: string): Run => ({ argv: ["reprepro", "-b", repository, "includedeb", "staging", deb], env });
  return {
    aptly: (deb) => ({ argv: ["sh", "-c", script, "sh", configuration, deb], env }),
    reprepro: { xz: includes(reprepro.xz), gz: includes(reprepro.gz) },
  };
}

async function writeDebs(folder: string, count: number): Promise<string[]> {
  await mkdir(folder);
  const files: string[] = [];
  for (let at = 0; at < count; at += 1) {
    const { file, bytes } = debAt(at);
    await writeFile(join(folder, file), bytes);
    files.push(join(folder, file));
  }
  return files;
}
