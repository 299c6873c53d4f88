// A publisher that publishes one bake after the other, with Kiln as it was built and installed, and its compiled code as kept: opens the
// store and the keys, says that it is ready, and begins when it is told to. Prints the milliseconds that each release took.
//
//   node publish-many.ts KILN ORIGIN STORE BAKE…

import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import type * as Trust from "../../src/artifact/trust.ts";
import type * as BakeFolder from "../../src/publish/bake-folder.ts";
import type * as Pause from "../../src/publish/pause.ts";
import type * as Release from "../../src/publish/release.ts";
import type * as Report from "../../src/report.ts";
import type * as Keys from "../../src/sign/keys.ts";
import type * as Start from "../../src/start.ts";
import type * as Remembered from "../../src/stores/remembered.ts";
import type * as Writable from "../../src/stores/writable.ts";

const [kiln = "", origin = "", url = "", ...folders] = process.argv.slice(2);
const { HOME: home = "", KILN_PASSPHRASE: passphrase = "" } = process.env;
const load = async <T>(path: string) => (await import(join(kiln, "dist", path))) as T;
const { start } = await load<typeof Start>("start.js");
await start("publish-many", main);

async function main(): Promise<number> {
  const { parseTrust } = await load<typeof Trust>("artifact/trust.js");
  const { openBakeFolder } = await load<typeof BakeFolder>("publish/bake-folder.js");
  const { randomPause } = await load<typeof Pause>("publish/pause.js");
  const { publishRelease } = await load<typeof Release>("publish/release.js");
  const { silent } = await load<typeof Report>("report.js");
  const { loadKeys } = await load<typeof Keys>("sign/keys.js");
  const { remembering } = await load<typeof Remembered>("stores/remembered.js");
  const { openWritableStore } = await load<typeof Writable>("stores/writable.js");

  const cwd = process.cwd();
  const { signal } = new AbortController();
  const trustFile = join(home, `.config/kiln/trust/${origin}.json`);
  const { signers } = await loadKeys({ file: join(home, `.config/kiln/keys/${origin}.age`) }, passphrase);
  const publisher = {
    store: remembering(await openWritableStore(url, { cwd, signal })),
    trust: parseTrust(await readFile(trustFile), trustFile),
    signers,
    context: { now: () => Date.now(), signal, report: silent, env: {}, cwd },
    pause: randomPause(signal),
    publicUrl: `https://${origin}/`,
  };
  const bakes = await Promise.all(folders.map(openBakeFolder));
  // The key is parsed when it first signs.
  await signers.openpgp.signText("ready\n", Date.now());

  process.stdout.write("ready\n");
  await once(process.stdin, "data");
  process.stdin.destroy();
  const times: number[] = [];
  for (const bake of bakes) {
    const began = performance.now();
    await publishRelease(publisher, { bake, channel: { channel: "staging" } });
    times.push(performance.now() - began);
  }
  process.stdout.write(`${JSON.stringify(times)}\n`);
  return 0;
}
