// The program. All that differs between the places it runs in comes from the environment: PORT, DATA (a folder) and TOKEN.

import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { createApp } from "./app.js";
import { openStore } from "./store.js";

const { PORT, HOST = "127.0.0.1", DATA, TOKEN } = process.env;
for (const [name, value] of Object.entries({ PORT, DATA, TOKEN })) {
  if (!value) {
    console.error(`notices: ${name} isn't set`);
    process.exit(2);
  }
}

const { version } = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8"));
const store = await openStore(join(DATA, "notices.jsonl"));
const app = createApp({ store, token: TOKEN, version, logger: { level: "warn" } });

process.once("SIGTERM", async () => {
  await app.close();
  await store.end();
  process.exit(0);
});

await app.listen({ port: Number(PORT), host: HOST });
console.log(`notices ${version} listens on ${HOST}:${PORT}`);
