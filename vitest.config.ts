// How the tests run. Workers are shared between files (`isolate: false`): module state that leaks from one test file into
// another is a bug to find, and starting is ten times quicker. `suite` decides which half of test/ runs.

import { defineConfig } from "vitest/config";

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 24 || (major === 24 && minor < 15)) {
  throw new Error(`the tests need Node 24.15 or newer, got ${process.versions.node}: run them by \`npm test\``);
}

const acceptance = "test/acceptance/**/*.test.ts";
/** Milliseconds. Acceptance tests start real programs, dozens of them one after the other, on machines that may be busy. */
const patience = process.env["KILN_TEST_SUITE"] === "acceptance" ? 180_000 : 60_000;

export default defineConfig({
  test: {
    include: process.env["KILN_TEST_SUITE"] === "acceptance" ? [acceptance] : ["test/**/*.test.ts"],
    exclude: process.env["KILN_TEST_SUITE"] === "unit" ? [acceptance, "**/node_modules/**"] : ["**/node_modules/**"],
    pool: "forks",
    isolate: false,
    maxWorkers: 2,
    // A first compile or a slow disk may cost seconds; what takes longer belongs in test/acceptance and says so itself.
    testTimeout: patience,
    hookTimeout: patience,
    allowOnly: false,
    unstubEnvs: true,
    restoreMocks: true,
  },
});
