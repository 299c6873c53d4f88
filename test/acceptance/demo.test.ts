import { createHash, createPublicKey } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";

import { bundleFromJSON } from "@sigstore/bundle";
import { PublicKeyDetails, TrustedRoot } from "@sigstore/protobuf-specs";
import { toSignedEntity, toTrustMaterial, Verifier } from "@sigstore/verify";
import { execa } from "execa";
import { beforeAll, expect, test } from "vitest";

// The demo as a newcomer runs it, and then its store in the hands of programs that know nothing of Kiln. It bakes Kiln
// twice, so the packages of the lock file are fetched from their registry.

const root = join(import.meta.dirname, "../..");
const store = join(root, ".kiln/demo/store");

let output: string;
let files: string[];

beforeAll(async () => {
  const { all, exitCode } = await execa(process.execPath, ["tools/demo.ts"], { cwd: root, all: true, reject: false });
  expect(exitCode, all).toBe(0);
  output = all;
  const entries = await readdir(join(store, "pool"), { recursive: true, withFileTypes: true });
  files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}, 900_000);

test("the demo deploys two releases, goes back to the first, and refuses what was tampered with", () => {
  const versions = [...output.matchAll(/^kiln (0\.1\.\d+)$/gm)].map(([, version]) => version);
  expect(versions).toEqual(["0.1.0", "0.1.1", "0.1.0"]);
  expect(output).toMatch(/^verified: kiln@0\.1\.0$/m);
  expect(output).toContain("gpgv: Good signature");
  expect(output).toMatch(/^refused: .*tampered/m);
  expect(output).toMatch(/^Done in \d+ s\./m);
});

test("both releases come out identical when they are baked again from their provenance", async () => {
  expect(output).toMatch(/^kiln@0\.1\.0: all 3 artifacts came out identical$/m);
  const place = join(root, ".kiln/demo");
  const { stdout } = await execa(
    process.execPath,
    ["src/cli.ts", "rebuild", "kiln@0.1.1", "--source", join(place, "source"), "--json"],
    { cwd: root, env: { KILN_STORE: store, XDG_CONFIG_HOME: join(place, "home/.config") } },
  );
  expect(JSON.parse(stdout)).toMatchObject({ version: "0.1.1", identical: true });
}, 300_000);

test("what the demo says to type next works", async () => {
  const [, variables = "", commands = ""] = /Type next\n  (export .*)\n([^]*)$/.exec(output) ?? [];
  const lines = commands.split("\n").filter((line) => line !== "");
  expect(lines).toHaveLength(2);
  const script = [variables, ...lines.map((line) => line.replace(/ {3}.*$/, ""))].join("\n");
  const { stdout } = await execa("sh", ["-ec", script], { cwd: root });
  expect(stdout).toContain("kiln@0.1.0");
  expect(stdout).toContain("kiln 0.1.1 is in service, before it 0.1.0");
});

test("gpgv accepts the signature of every artifact", async () => {
  const signatures = files.filter((file) => file.endsWith(".asc"));
  expect(signatures).toHaveLength(6);
  for (const signature of signatures) {
    const keyring = join(store, "trust/openpgp.gpg");
    const signed = signature.slice(0, -".asc".length);
    const { stdout } = await execa("gpgv", ["--status-fd", "1", "--keyring", keyring, signature, signed]);
    expect(stdout).toMatch(/^\[GNUPG:\] GOODSIG /m);
    expect(stdout).not.toMatch(/EXPKEYSIG|REVKEYSIG/);
  }
});

test("@sigstore/verify accepts every bundle beside every artifact, with its proof from the log", async () => {
  const bundles = files.filter((file) => file.endsWith(".sigstore.json"));
  expect(bundles).toHaveLength(18);
  const verifier = await stockVerifier();
  for (const file of bundles) {
    const bundle = bundleFromJSON(JSON.parse(await readFile(file, "utf8")));
    const isAttestation = bundle.content.$case === "dsseEnvelope";
    const artifact = file.replace(/(?:\.provenance|\.sbom)?\.sigstore\.json$/, "");
    verifier.verify(isAttestation ? toSignedEntity(bundle) : toSignedEntity(bundle, await readFile(artifact)));
    if (bundle.content.$case === "dsseEnvelope") {
      const statement = JSON.parse(bundle.content.dsseEnvelope.payload.toString()) as {
        subject: { name: string; digest: { sha256: string } }[];
      };
      const sha256 = createHash("sha256")
        .update(await readFile(artifact))
        .digest("hex");
      expect(statement.subject).toContainEqual({ name: basename(artifact), digest: { sha256 } });
    }
  }
});

/** Trusts the store's log and its release key, in the form in which the store publishes them. */
async function stockVerifier(): Promise<Verifier> {
  const trustedRoot = TrustedRoot.fromJSON(JSON.parse(await readFile(join(store, "trust/trusted_root.json"), "utf8")));
  const spki = createPublicKey(await readFile(join(store, "trust/release-1.pem"))).export({
    type: "spki",
    format: "der",
  });
  const hint = createHash("sha256").update(spki).digest("base64");
  const keys = {
    [hint]: {
      rawBytes: spki,
      keyDetails: PublicKeyDetails.PKIX_ECDSA_P256_SHA_256,
      validFor: { start: new Date(0) },
    },
  };
  return new Verifier(toTrustMaterial(trustedRoot, keys), { timestampThreshold: 0 });
}
