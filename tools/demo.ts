// `npm run demo`: Kiln bakes Kiln. Every step is a command that a user could type; it is printed, run, and its output shown.
// Everything lies below .kiln/demo, which is made anew each time. Ends with what to look at and what to type next.

import { existsSync } from "node:fs";
import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";

import { execa } from "execa";

const root = join(import.meta.dirname, "..");
const place = join(root, ".kiln/demo");
const source = join(place, "source");
const store = join(place, "store");
const host = join(place, "host");
const deployed = join(host, "kiln/current/bin/kiln");
const started = performance.now();

const env = {
  ...process.env,
  HOME: join(place, "home"),
  XDG_CONFIG_HOME: join(place, "home/.config"),
  KILN_PASSPHRASE: "only for the demo",
  KILN_STORE: store,
  KILN_ROOT: host,
};

// In a worktree it is a file.
if (!existsSync(join(root, ".git"))) {
  process.stderr.write(`the demo bakes this repository's commit: got no .git in ${root}\n`);
  process.stderr.write("hint: run it in a git clone, or git init, add and commit what is here\n");
  process.exit(1);
}

await rm(place, { recursive: true, force: true });
await mkdir(join(place, "home"), { recursive: true });

say("A clone of this repository at its commit, and a store in a folder");
await run("git", ["clone", "--quiet", root, source]);
await kiln(["store", "create", store, "--origin", "demo.kiln.test"]);

say("Bake this commit once — an archive, an npm package, a Debian package — sign it, publish it, show it on a channel");
const first = await publish();
await kiln(["promote", "kiln:staging", "production"]);
await kiln(["list"]);

say("Verify it: with Kiln, and with a program that knows nothing of Kiln");
await kiln(["verify", `kiln@${first.version}`]);
const archive = first.artifacts.find(({ kind }) => kind === "archive");
if (archive === undefined) throw new Error("the release has no archive");
const file = join(store, archive.key);
await run("gpgv", ["--keyring", join(store, "trust/openpgp.gpg"), `${file}.asc`, file]);

say("Bake it again from nothing but its provenance, and compare");
await kiln(["rebuild", `kiln@${first.version}`, "--source", source]);

say("Deploy what production shows, and run it");
await kiln(["deploy", "kiln:production"]);
await run(deployed, ["--version"]);

say("A second commit: baked, published, promoted and deployed the same way");
await writeFile(join(source, "docs/demo.md"), "# A change\n\nSo that there is something new to bake.\n");
await run("git", ["-C", source, "add", "docs/demo.md"]);
const author = ["-c", "user.name=demo", "-c", "user.email=demo@example.com"];
await run("git", ["-C", source, ...author, "commit", "--quiet", "-m", "docs: a change"]);
const second = await publish();
await kiln(["promote", "kiln:staging", "production"]);
await kiln(["deploy", "kiln:production"]);
await run(deployed, ["--version"]);

say("Back to what ran before");
await kiln(["rollback", "kiln"]);
await run(deployed, ["--version"]);
await kiln(["history", "kiln"]);

say("A tampered artifact is refused");
const tampered = join(place, "tampered");
await mkdir(tampered);
const copy = join(tampered, file.slice(file.lastIndexOf("/") + 1));
for (const end of ["", ".asc", ".sigstore.json", ".provenance.sigstore.json", ".sbom.sigstore.json"]) {
  await cp(file + end, copy + end);
}
await writeFile(copy, "x", { flag: "a" });
await kiln(["verify", copy], { refuses: true });

say("And the whole store, checked from the first log entry to the last");
await kiln(["audit"]);

process.stdout.write(`
Done in ${Math.round((performance.now() - started) / 1000)} s. ${first.version} and ${second.version} are published, ${first.version} is deployed.

Look at
  ${short(store)}/index.html   the pages that people browse
  ${short(store)}/releases/kiln/   releases, with their place in the log
  ${short(file)}*   an artifact and what lies beside it
  ${short(host)}/kiln/   what is deployed: releases side by side, a link, a journal
Type next
  export ${Object.entries({ KILN_STORE: store, KILN_ROOT: host, XDG_CONFIG_HOME: env.XDG_CONFIG_HOME })
    .map(([name, value]) => `${name}=${quoted(value)}`)
    .join(" ")}
  npm run -s kiln -- show kiln@${first.version}
  npm run -s kiln -- deploy kiln@${second.version}   by name, because the channel can't bring back what was rolled back here
`);

interface Published {
  readonly version: string;
  readonly artifacts: readonly { readonly kind: string; readonly key: string }[];
}

async function publish(): Promise<Published> {
  const arguments_ = ["publish", "--channel", "staging"];
  await kiln(arguments_, { cwd: source });
  // Asked a second time, it answers with the release that is there.
  const { stdout } = await execa(process.execPath, [join(root, "src/cli.ts"), ...arguments_, "--json", "--quiet"], {
    cwd: source,
    env,
  });
  return JSON.parse(stdout) as Published;
}

function kiln(arguments_: readonly string[], options: { readonly cwd?: string; readonly refuses?: boolean } = {}) {
  return run("kiln", arguments_, options);
}

/** Prints and runs a command; it must end with status 0, or 3 where it shall refuse. */
async function run(
  program: string,
  arguments_: readonly string[],
  { cwd = root, refuses = false }: { readonly cwd?: string; readonly refuses?: boolean } = {},
): Promise<void> {
  const shown = [program === deployed ? short(deployed) : program, ...arguments_].map((word) =>
    word.replaceAll(`${root}/`, ""),
  );
  process.stdout.write(`\n  $ ${shown.map(quoted).join(" ")}\n`);
  const [file, given] =
    program === "kiln" ? [process.execPath, [join(root, "src/cli.ts"), ...arguments_]] : [program, [...arguments_]];
  const { exitCode } = await execa(file, given, { cwd, env, stdio: "inherit", reject: false });
  const wanted = refuses ? 3 : 0;
  if (exitCode !== wanted) {
    process.stderr.write(`\nthe demo stopped: got exit status ${exitCode} from ${program}, want ${wanted}\n`);
    process.exit(1);
  }
}

/** As a shell takes it. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

function short(path: string): string {
  return relative(process.cwd(), path);
}

function say(title: string): void {
  process.stdout.write(`\n${process.stdout.isTTY ? `\u001b[1m${title}\u001b[0m` : title}\n`);
}
