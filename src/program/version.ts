// Kiln's own version, from the package it lies in. tools/build.ts puts the value itself into the single-file program.

import { readFileSync } from "node:fs";

const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  version: string;
};

export const version = manifest.version;
