// Gates as their users have them: recipes/gated through the real command line, from a first release over one that is refused to
// one that is better; what it attests, verified by a program that knows nothing of Kiln; and reports that real tools wrote.

import { createHash, createPublicKey } from "node:crypto";
import { cpSync, mkdirSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";

import { bundleFromJSON } from "@sigstore/bundle";
import { PublicKeyDetails, TrustedRoot } from "@sigstore/protobuf-specs";
import { toSignedEntity, toTrustMaterial, Verifier } from "@sigstore/verify";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { readReport } from "../../src/reports/formats.ts";
import { commit, emptyScene, expectRefused, git, kiln, kilnDone, removeScene, type Scene } from "../fixtures/scene.ts";

describe("recipes/gated, from a first release on", () => {
  let scene: Scene;

  const json = async (...args: string[]) =>
    JSON.parse((await kilnDone(scene, [...args, "--json"])).stdout) as Record<string, unknown>;
  const shown = async (channel: string) =>
    ((await json("show", "fair-shares"))["channels"] as Record<string, string>)[channel];

  beforeAll(async () => {
    scene = emptyScene();
    await git(scene, "init", "--quiet", "--initial-branch", "main");
    cpSync(join(import.meta.dirname, "../../recipes/gated"), scene.project, { recursive: true });
    await commit(scene, { ".gitignore": ".kiln/\n" });
    await git(scene, "tag", "v1.0.0");
    await kilnDone(scene, ["store", "create", scene.store, "--origin", "kiln.test"]);
  }, 120_000);
  afterAll(() => removeScene(scene));

  const publish = ["publish", "--ref", "refs/heads/main", "--isolation", "sandbox"];

  test("the first release has nothing to compare with, and says so", { timeout: 120_000 }, async () => {
    const { stdout } = await kilnDone(scene, publish);
    expect(stdout).toContain("gate coverage: lines 100 %, want any: next shows nothing to compare with yet\n");
    expect(stdout).toContain("gate skipped: skipped 0, want at most 0\n");
    expect(await shown("next")).toBe("1.0.0");
  });

  test(
    "code without a test is refused, named with both numbers and logged; nothing moves",
    { timeout: 120_000 },
    async () => {
      const source = await readFile(join(scene.project, "src/index.js"), "utf8");
      await commit(scene, {
        "src/index.js": `${source}\nexport function halve(amount) {\n  return split(amount, 2);\n}\n`,
      });
      await git(scene, "tag", "v1.1.0");
      expectRefused(await kiln(scene, publish), {
        status: 1,
        code: "GATE_FAILED",
        says: /fair-shares@1\.1\.0: gate coverage: got lines \d\d\.\d+ %, want at least 100 % \(fair-shares 1\.0\.0 in next\)/,
      });
      expect(await shown("next")).toBe("1.0.0");
      const { refusals, moves } = await json("show", "fair-shares");
      expect(moves).toHaveLength(1);
      expect(refusals).toMatchObject([{ version: "1.1.0", gate: "coverage", channel: "next" }]);
      expect((await kiln(scene, ["show", "fair-shares@1.1.0"])).stderr).toContain("hint: it was refused: ");
      expect((await kilnDone(scene, ["audit"])).stdout).toMatch(
        /^verified: .*\n(?:.*\n)* {2}refused {3}fair-shares@1\.1\.0 for :next by the gate coverage: got lines /,
      );
    },
  );

  test(
    "with its test it goes out, and a check that failed on the way keeps it from `latest`",
    { timeout: 120_000 },
    async () => {
      const tests = await readFile(join(scene.project, "test/shares.test.js"), "utf8");
      const source = await readFile(join(scene.project, "src/index.js"), "utf8");
      await commit(scene, {
        "src/index.js": `// TODO: thirds\n${source}`,
        "test/shares.test.js": `${tests.replace("share, split", "halve, share, split")}
test("halves", () => assert.deepEqual(halve(3), [2, 1]));\n`,
      });
      await git(scene, "tag", "v1.2.0");
      const published = JSON.parse((await kilnDone(scene, [...publish, "--json"])).stdout) as object;
      expect(published).toMatchObject({
        version: "1.2.0",
        channel: "next",
        gates: [
          { gate: "coverage", passed: true, got: "lines 100 %", wanted: "at least 100 % (fair-shares 1.0.0 in next)" },
          { gate: "skipped", passed: true },
        ],
      });
      expectRefused(await kiln(scene, ["promote", "fair-shares:next", "latest"]), {
        status: 1,
        code: "GATE_FAILED",
        says: "gate loose-ends: got loose-ends failed, want loose-ends passed",
      });
      await kilnDone(scene, ["promote", "fair-shares@1.0.0", "latest"]);
      expect([await shown("next"), await shown("latest")]).toEqual(["1.2.0", "1.0.0"]);
      const { verdict, refusals } = (await json("audit")) as { verdict: string; refusals: { gate: string }[] };
      expect([verdict, refusals.map(({ gate }) => gate)]).toEqual(["verified", ["coverage", "loose-ends"]]);
    },
  );

  test("its test results are attested beside every artifact, and the stock verifier accepts them", async () => {
    const { attestations } = (await json("verify", "fair-shares@1.2.0")) as { attestations: object[] };
    const predicateType = "https://in-toto.io/attestation/test-result/v0.1";
    expect(attestations).toEqual([{ predicateType, check: "unit", artifacts: ["coverage", "library", "tests"] }]);
    const entries = await readdir(join(scene.store, "pool"), { recursive: true, withFileTypes: true });
    const bundles = entries.filter(({ name }) => name.endsWith(".attest-1.sigstore.json"));
    expect(bundles).toHaveLength(6);
    const verifier = await stockVerifier(scene.store);
    for (const { parentPath, name } of bundles) {
      const bundle = bundleFromJSON(JSON.parse(await readFile(join(parentPath, name), "utf8")));
      verifier.verify(toSignedEntity(bundle));
      if (bundle.content.$case !== "dsseEnvelope") throw new Error("no attestation");
      const statement = JSON.parse(bundle.content.dsseEnvelope.payload.toString()) as {
        predicateType: string;
        subject: { name: string; digest: { sha256: string } }[];
        predicate: { result: string; passedTests: string[] };
      };
      const artifact = join(parentPath, name.replace(".attest-1.sigstore.json", ""));
      const sha256 = createHash("sha256")
        .update(await readFile(artifact))
        .digest("hex");
      expect(statement.subject).toContainEqual({ name: basename(artifact), digest: { sha256 } });
      expect(statement).toMatchObject({ predicateType, predicate: { result: "PASSED" } });
      expect(statement.predicate.passedTests).toContain("what can't be divided.is refused");
    }
    // A download with what lies beside it.
    const [one] = bundles;
    const file = join(one!.parentPath, one!.name.replace(".attest-1.sigstore.json", ""));
    expect((await kilnDone(scene, ["verify", file])).stdout).toContain(`  attested  ${predicateType}\n`);
  });
});

describe("reports as real tools write them", () => {
  let work: string;
  const context = (folder: string, where: string) => ({ folder, where, time: 1_700_000_000 });

  beforeAll(async () => {
    work = await mkdtemp(join(tmpdir(), "kiln-reports-"));
  });
  afterAll(() => rm(work, { recursive: true }));

  test("pytest and pytest-cov: JUnit, Cobertura and coverage.py's JSON, the same in another folder and at another time", async () => {
    const tools = join(work, "tools");
    const pins = ["pytest==8.3.4", "pytest-cov==6.0.0", "coverage==7.6.10"];
    await execa("python3", [
      "-m",
      "pip",
      "install",
      "--quiet",
      "--disable-pip-version-check",
      "--target",
      tools,
      ...pins,
    ]);
    const files = {
      "sums.py": "def add(a, b):\n    if a == 0:\n        return b\n    return a + b\n\n\ndef never():\n    return 1\n",
      "test_sums.py":
        "import pytest\nfrom sums import add\n\n\n@pytest.mark.parametrize('b', [1, 2])\ndef test_add(b):\n    assert add(1, b) == 1 + b\n\n\n" +
        "@pytest.mark.skip\ndef test_later():\n    pass\n\n\ndef test_wrong():\n    assert add(1, 1) == 3, 'one & one < three'\n",
    };
    const texts: string[][] = [];
    for (const folder of [join(work, "one"), join(work, "another/deeper")]) {
      mkdirSync(folder, { recursive: true });
      for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
      const reports = ["--junitxml=junit.xml", "--cov=sums", "--cov-branch", "--cov-report=xml", "--cov-report=json"];
      const env = { PYTHONPATH: tools, PYTHONHASHSEED: "0", HOSTNAME: folder };
      const { exitCode } = await execa("python3", ["-m", "pytest", "-q", ...reports], {
        cwd: folder,
        env,
        reject: false,
      });
      expect(exitCode).toBe(1);
      const read = async (name: string) => readReport(await readFile(join(folder, name)), context(folder, name));
      const [junit, cobertura, json] = await Promise.all(["junit.xml", "coverage.xml", "coverage.json"].map(read));
      expect(junit).toMatchObject({ format: "junit", numbers: { tests: 4, passed: 2, failed: 1, skipped: 1 } });
      expect(cobertura).toMatchObject({ format: "cobertura", numbers: { lines: 66.66, branches: 50 } });
      expect(json).toMatchObject({ format: "coverage-py", numbers: { lines: 66.66, branches: 50 } });
      texts.push([junit?.text ?? "", cobertura?.text ?? "", json?.text ?? ""]);
    }
    expect(texts[1]).toEqual(texts[0]);
  }, 180_000);

  test("npm audit, of a registry that knows of a vulnerability", async () => {
    const registry = await startRegistry();
    try {
      const folder = join(work, "audited");
      mkdirSync(folder);
      const own = { name: "audited", version: "1.0.0", dependencies: { minimist: "1.0.0" } };
      const packages = { "": own, "node_modules/minimist": { version: "1.0.0" } };
      await writeFile(join(folder, "package.json"), JSON.stringify(own));
      await writeFile(join(folder, "package-lock.json"), JSON.stringify({ ...own, lockfileVersion: 3, packages }));
      const url = `http://127.0.0.1:${(registry.address() as AddressInfo).port}/`;
      const env = { HOME: folder, PATH: `${dirname(process.execPath)}:${process.env["PATH"]}` };
      const { stdout } = await execa("npm", ["audit", "--json", "--registry", url], {
        cwd: folder,
        env,
        reject: false,
      });
      const report = readReport(Buffer.from(stdout), context(folder, "audit.json"));
      expect(report).toMatchObject({ format: "npm-audit", numbers: { critical: 1, high: 0, findings: 1 } });
    } finally {
      registry.close();
    }
  }, 60_000);
});

/** Trusts the store's log and its release key, in the form in which the store publishes them. */
async function stockVerifier(store: string): Promise<Verifier> {
  const trustedRoot = TrustedRoot.fromJSON(JSON.parse(await readFile(join(store, "trust/trusted_root.json"), "utf8")));
  const pem = createPublicKey(await readFile(join(store, "trust/release-1.pem")));
  const rawBytes = pem.export({ type: "spki", format: "der" });
  const hint = createHash("sha256").update(rawBytes).digest("base64");
  const keyDetails = PublicKeyDetails.PKIX_ECDSA_P256_SHA_256;
  const keys = { [hint]: { rawBytes, keyDetails, validFor: { start: new Date(0) } } };
  return new Verifier(toTrustMaterial(trustedRoot, keys), { timestampThreshold: 0 });
}

/** As much of an npm registry as an audit asks for. */
async function startRegistry(): Promise<Server> {
  const version = (of: string) => ({
    name: "minimist",
    version: of,
    dist: { tarball: `http://127.0.0.1/${of}.tgz`, shasum: "0".repeat(40) },
  });
  const advisory = {
    id: 1,
    url: "https://advisories.example/1",
    title: "pollution",
    severity: "critical",
    vulnerable_versions: "<1.2.6",
    cwe: [],
    cvss: { score: 9.8, vectorString: null },
  };
  const answers = (request: IncomingMessage): object | undefined => {
    if (request.url?.endsWith("/advisories/bulk")) return { minimist: [advisory] };
    if (request.url !== "/minimist") return undefined;
    const versions = { "1.0.0": version("1.0.0"), "1.2.8": version("1.2.8") };
    return { name: "minimist", "dist-tags": { latest: "1.2.8" }, versions };
  };
  const server = createServer((request, response) => {
    request.resume();
    const answer = answers(request);
    response.writeHead(answer === undefined ? 404 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify(answer ?? {}));
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  return server;
}
