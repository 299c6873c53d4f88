// `kiln verify FILE|NAME@VERSION`: one file with what lies beside it, or a release in a store. Offline but for reading the
// store; only the pinned trust file is believed.

import { stat } from "node:fs/promises";
import { resolve } from "node:path";

import { checkName } from "../artifact/name.ts";
import type { Trust } from "../artifact/trust.ts";
import type { Context } from "../context.ts";
import { isSystemError, KilnError } from "../errors.ts";
import { openStore } from "../stores/index.ts";
import { type FileVerification, originBeside, verifyFile } from "../verify/file.ts";
import { exitOf, type Verification } from "../verify/findings.ts";
import { type ReleaseVerification, verifyRelease } from "../verify/release.ts";
import { attestationsOf, attestationText, laterText } from "./attestations.ts";
import type { Command, Result } from "./command.ts";
import { type Configuration, loadConfiguration } from "./configuration.ts";
import { openTrustedStore, originOf, readTrust, readTrustFile } from "./store-access.ts";

export const verify: Command = {
  summary: "verify one file or release: signatures, log proof, provenance, SBOM",
  arguments: [
    { name: "FILE|NAME@VERSION", description: "a file that was published, or a release (or alias) in the store" },
  ],
  examples: [
    "kiln verify ./billing-1.4.2.tar.zst --trust releases.json",
    "kiln verify billing@1.4.2 --store https://releases.example.com",
  ],
  async run(input, context) {
    const [subject = ""] = input.arguments;
    const configuration = await loadConfiguration(input, context);
    const path = resolve(context.cwd, subject);
    if (await isThere(path)) return fileResult(await verifyPath(path, configuration, context));
    const [, name, version] = /^([^@/]+)@([^@/]+)$/.exec(subject) ?? [];
    if (name === undefined || version === undefined) {
      throw new KilnError("NOT_FOUND", `${path}: got no such file`, {
        hint: "name a file, or a release: NAME@VERSION",
      });
    }
    checkName("name", name);
    checkName("version", version);
    const { store, trust } = await openTrustedStore(configuration, context);
    return releaseResult(await verifyRelease({ store, trust, name, version, context }));
  },
};

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    // A release's name may be longer than a file's can be.
    if (isSystemError(error, "ENOENT", "ENOTDIR", "ENAMETOOLONG")) return false;
    throw error;
  }
}

async function verifyPath(path: string, configuration: Configuration, context: Context): Promise<FileVerification> {
  const { store } = configuration;
  const open = store === undefined ? undefined : () => openStore(store, context);
  const trust = await trustFor(path, { configuration, context });
  return verifyFile({ path, trust, openStore: open, context });
}

/** The file that --trust names, or the one for the log that the file, or else the store, says it belongs to. */
async function trustFor(
  path: string,
  { configuration, context }: { readonly configuration: Configuration; readonly context: Context },
): Promise<Trust> {
  if (configuration.trust !== undefined) return readTrustFile(configuration.trust);
  const origin =
    (await originBeside(path)) ??
    (configuration.store === undefined ? undefined : await originOf(await openStore(configuration.store, context)));
  if (origin !== undefined) return readTrust(configuration, context, origin);
  throw new KilnError("NO_TRUST", `${path}: got no trust file and nothing beside the file that says which`, {
    hint: "get the trust file from somebody you trust, and name it with --trust",
  });
}

function fileResult(result: FileVerification): Result {
  const { sha256, size, baked, proven } = result;
  const facts: Facts = [["sha256", sha256]];
  if (baked !== undefined) facts.push(["baked", baked]);
  if (proven.indexes.signature !== undefined) facts.push(["log", `leaf ${proven.indexes.signature}`]);
  if (proven.fingerprint !== undefined) facts.push(["openpgp", proven.fingerprint]);
  for (const commit of proven.commits ?? []) facts.push(["commit", commit]);
  if (proven.imported) facts.push(["imported", "made elsewhere"]);
  const attested = proven.attestations.flatMap((one) => (one === undefined ? [] : [one.predicateType]));
  for (const predicateType of attested) facts.push(["attested", predicateType]);
  return resultOf(result, facts, {
    sha256,
    size,
    ...(baked === undefined ? {} : { baked }),
    commits: proven.commits ?? [],
    ...(proven.imported ? { imported: true } : {}),
    attestations: attested,
  });
}

function releaseResult(result: ReleaseVerification): Result {
  const { release, manifest } = result;
  const facts: Facts = [];
  if (release !== undefined) facts.push(["manifest", release.leaf.manifest], ["log", `leaf ${release.index}`]);
  if (manifest?.source.commit != null) facts.push(["commit", manifest.source.commit]);
  if (manifest?.imported !== undefined) facts.push(["imported", manifest.imported.origin ?? "made elsewhere"]);
  for (const { file, sha256 } of manifest?.artifacts ?? []) facts.push(["artifact", `${file}  ${sha256}`]);
  const attestations = attestationsOf(manifest);
  for (const one of attestations) facts.push(["attested", attestationText(one)]);
  for (const one of result.attested) facts.push(["attested", laterText(one)]);
  const artifacts = manifest?.artifacts.map(({ name, kind, file, size, sha256 }) => ({
    name,
    kind,
    file,
    size,
    sha256,
  }));
  return resultOf(result, facts, {
    manifest: release?.leaf.manifest ?? null,
    ...(manifest?.imported === undefined ? {} : { imported: manifest.imported }),
    artifacts: artifacts ?? [],
    attestations,
    attested: result.attested,
    yanked: result.yanked,
    retired: result.retired,
  });
}

type Facts = [name: string, value: string][];

function resultOf({ subject, verdict, findings }: Verification, facts: Facts, more: Result["json"]): Result {
  const lines = [
    `${verdict}: ${subject}`,
    ...facts.map(([name, value]) => `  ${name.padEnd(9)} ${value}`),
    ...findings.map(({ code, severity, message }) => `  ${severity}: ${message} [${code}]`),
  ];
  return { json: { subject, verdict, findings, ...more }, text: lines.join("\n"), exit: exitOf[verdict] };
}
