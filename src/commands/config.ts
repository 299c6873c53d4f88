// `kiln config`: each setting, and where it came from.

import { nearest } from "../nearest.ts";
import type { Command } from "./command.ts";
import { configFile, loadSettings, type Setting, settingNames, variableOf } from "./configuration.ts";

export const config: Command = {
  summary: "show each setting and where it came from",
  examples: ["kiln config", "KILN_STORE=/srv/store kiln config --json"],
  async run(input, context) {
    const settings = await loadSettings(input, context);
    for (const name of Object.keys(context.env)) {
      const meant = name.startsWith("KILN_") && !known.has(name) ? nearest(name, known) : undefined;
      if (meant !== undefined) context.report.note(`${name} isn't a setting: did you mean ${meant}?`);
    }
    return {
      json: {
        file: configFile(context),
        settings: settings.map((setting) => ({ ...setting, value: setting.value ?? null })),
      },
      text: textOf(settings),
    };
  },
};

/** KILN_PASSPHRASE and KILN_KEYS_DATA are read where keys are opened; they are secrets and never shown. */
const known = new Set([...settingNames.map(variableOf), "KILN_PASSPHRASE", "KILN_KEYS_DATA"]);

const meaningOfNone: Partial<Record<Setting["name"], string>> = {
  trust: "(by the store's origin)",
  keys: "(by the store's origin)",
};

function textOf(settings: readonly Setting[]): string {
  const shown = settings.map(({ name, value, from }) => ({
    name,
    value: value ?? meaningOfNone[name] ?? "(none)",
    from,
  }));
  const nameWidth = Math.max(...shown.map(({ name }) => name.length));
  const valueWidth = Math.max(...shown.map(({ value }) => value.length));
  return shown
    .map(({ name, value, from }) => `${name.padEnd(nameWidth)}  ${value.padEnd(valueWidth)}  ${from}`)
    .join("\n");
}
