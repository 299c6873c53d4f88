// The settings, from the weakest layer to the strongest: built-in < config.yaml < KILN_* < options. Each value remembers
// where it came from, so that `kiln config` can say so. Files that don't exist are no layer; files that are wrong are errors.
// A path counts from where it was written: from the working folder, or from the folder of config.yaml.

import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";

import { z } from "zod";

import type { Context } from "../context.ts";
import { isSystemError, KilnError } from "../errors.ts";
import { nearest } from "../nearest.ts";
import type { Input } from "./command.ts";

/** What commands work with. Paths are absolute. */
export interface Configuration {
  /** A folder's absolute path, or a URL. */
  readonly store: string | undefined;
  /** Undefined: the one for the store's origin, see `defaultTrustFile`. */
  readonly trust: string | undefined;
  /** Undefined: the one for the store's origin, see `defaultKeysFile`. */
  readonly keys: string | undefined;
  readonly passphraseFile: string | undefined;
  /** Where deploys keep what they put into service. */
  readonly root: string;
  readonly isolation: "sandbox" | "none";
  /** Where suites' packages come from; the machine's own sources when undefined. */
  readonly mirrors: { readonly debian?: string; readonly ubuntu?: string };
}

/** One setting, as `kiln config` shows it. */
export interface Setting {
  readonly name: SettingName;
  readonly value: string | undefined;
  /** `built-in`, the path of config.yaml, `KILN_STORE`, `--store`. */
  readonly from: string;
}

type Surroundings = Pick<Context, "env" | "cwd">;

const place = z
  .string()
  .min(1, "a path or URL")
  .regex(/^[^\0]*$/, "a path or URL");
const path = z
  .string()
  .min(1, "a path")
  .regex(/^[^\0]*$/, "a path");

/** The settings, by the name they have in config.yaml; the option is `--NAME`, the variable `KILN_NAME`. */
const schemas = {
  store: place.describe("The store: a folder, or a URL."),
  trust: path.describe("The pinned public keys."),
  keys: path.describe("The encrypted private keys."),
  "passphrase-file": path.describe("A file whose text opens the keys."),
  root: path.describe("Where deploys keep what they put into service."),
  isolation: z.enum(["sandbox", "none"]).describe("What bake steps run in."),
  "debian-mirror": place.describe("Where packages of Debian suites come from."),
  "ubuntu-mirror": place.describe("Where packages of Ubuntu suites come from."),
} as const;

export type SettingName = keyof typeof schemas;

export const settingNames = Object.keys(schemas) as SettingName[];

/** The settings that count for one command. Throws CONFIG_INVALID. */
export async function loadConfiguration(input: Input, context: Surroundings): Promise<Configuration> {
  const settings = await loadSettings(input, context);
  const value = (name: SettingName): string | undefined => settings.find((setting) => setting.name === name)?.value;
  return {
    store: value("store"),
    trust: value("trust"),
    keys: value("keys"),
    passphraseFile: value("passphrase-file"),
    root: value("root") ?? defaultRoot(context),
    isolation: schemas.isolation.parse(value("isolation")),
    mirrors: mirrorsOf(value),
  };
}

function mirrorsOf(value: (name: SettingName) => string | undefined): Configuration["mirrors"] {
  const [debian, ubuntu] = [value("debian-mirror"), value("ubuntu-mirror")];
  return { ...(debian === undefined ? {} : { debian }), ...(ubuntu === undefined ? {} : { ubuntu }) };
}

/** Every setting and where its value came from. Throws CONFIG_INVALID. */
export async function loadSettings(input: Input, context: Surroundings): Promise<Setting[]> {
  const file = configFile(context);
  const layers: Layer[] = [
    { values: { root: defaultRoot(context), isolation: "sandbox" }, origin: () => "built-in", folder: context.cwd },
    { values: await readConfigFile(file), origin: () => file, folder: dirname(file) },
    { values: fromEnvironment(context), origin: variableOf, folder: context.cwd },
    { values: fromOptions(input), origin: (name) => `--${name}`, folder: context.cwd },
  ];
  return settingNames.map((name) => {
    const layer = layers.findLast(({ values }) => values[name] !== undefined);
    const raw = layer?.values[name];
    if (layer === undefined || raw === undefined) return { name, value: undefined, from: "built-in" };
    return { name, value: parsed(name, raw, layer), from: layer.origin(name) };
  });
}

/** The store, for commands that can't do without. Throws USAGE. */
export function requireStore({ store }: Pick<Configuration, "store">): string {
  if (store !== undefined) return store;
  throw new KilnError("USAGE", "got no store", {
    hint: "name it with --store, KILN_STORE, or `store:` in config.yaml (`kiln config` shows its path)",
  });
}

/** Where the keys of a store lie unless a setting says otherwise. */
export function defaultKeysFile(context: Surroundings, origin: string): string {
  return join(configFolder(context), "keys", `${checkedOrigin(origin)}.age`);
}

/** Where the pinned trust file of a store lies unless a setting says otherwise. */
export function defaultTrustFile(context: Surroundings, origin: string): string {
  return join(configFolder(context), "trust", `${checkedOrigin(origin)}.json`);
}

export function configFile(context: Surroundings): string {
  return join(configFolder(context), "config.yaml");
}

/** `KILN_PASSPHRASE_FILE` for `passphrase-file`. */
export function variableOf(name: SettingName): string {
  return `KILN_${name.toUpperCase().replaceAll("-", "_")}`;
}

interface Layer {
  readonly values: Readonly<Partial<Record<SettingName, string>>>;
  readonly origin: (name: SettingName) => string;
  /** What relative paths count from. */
  readonly folder: string;
}

function parsed(name: SettingName, raw: string, layer: Layer): string {
  const result = schemas[name].safeParse(raw);
  if (!result.success) {
    const want = name === "isolation" ? schemas.isolation.options.join(" or ") : result.error.issues[0]?.message;
    throw new KilnError("CONFIG_INVALID", `${name} (${layer.origin(name)}): got ${JSON.stringify(raw)}, want ${want}`);
  }
  if (name === "isolation" || (isPlace(name) && /^[a-z][a-z0-9+.-]*:\/\//i.test(raw))) return raw;
  return resolve(layer.folder, raw);
}

/** Settings that may be URLs. */
function isPlace(name: SettingName): boolean {
  return name === "store" || name.endsWith("-mirror");
}

function fromEnvironment({ env }: Surroundings): Layer["values"] {
  // An empty variable is how many CI systems spell "not set".
  return Object.fromEntries(settingNames.map((name) => [name, env[variableOf(name)] || undefined]));
}

function fromOptions({ options }: Input): Layer["values"] {
  const values = settingNames.map((name) => {
    const value = options[name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())];
    return [name, typeof value === "string" ? value : undefined];
  });
  return Object.fromEntries(values);
}

async function readConfigFile(file: string): Promise<Layer["values"]> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if (isSystemError(error, "ENOENT", "ENOTDIR")) return {};
    if (isSystemError(error, "EISDIR")) throw new KilnError("CONFIG_INVALID", `${file}: got a folder, want a file`);
    throw error;
  }
  // Loaded only when there is a file: reading YAML would be half of a quick command's time.
  const { parseDocument, isMap, isScalar, LineCounter } = await import("yaml");
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter });
  const at = (offset: number | undefined): string => {
    const { line, col } = lineCounter.linePos(offset ?? 0);
    return `${file}:${line}:${col}`;
  };
  const [broken] = document.errors;
  if (broken !== undefined) {
    throw new KilnError("CONFIG_INVALID", `${at(broken.pos[0])}: ${broken.message.split("\n")[0]?.replace(/:$/, "")}`);
  }
  if (document.contents === null) return {};
  if (!isMap(document.contents))
    throw new KilnError("CONFIG_INVALID", `${file}: got no list of settings, want NAME: VALUE`);
  const values: Partial<Record<SettingName, string>> = {};
  for (const { key, value } of document.contents.items) {
    const name = isScalar(key) ? String(key.value) : "";
    const where = at(isScalar(key) ? key.range?.[0] : undefined);
    if (!isSettingName(name)) throw unknownKey(name, where);
    if (!isScalar(value) || typeof value.value !== "string") {
      throw new KilnError("CONFIG_INVALID", `${where}: ${name}: got ${String(value)}, want text`);
    }
    values[name] = value.value.replace(/^~(?=\/|$)/, homedir());
  }
  return values;
}

function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(schemas, name);
}

function unknownKey(name: string, where: string): KilnError {
  const meant = nearest(name, settingNames);
  return new KilnError("CONFIG_INVALID", `${where}: got the unknown key ${JSON.stringify(name)}`, {
    hint: meant === undefined ? `the keys are ${settingNames.join(", ")}` : `did you mean ${meant}?`,
  });
}

function configFolder({ env }: Surroundings): string {
  return join(env["XDG_CONFIG_HOME"] || join(env["HOME"] || homedir(), ".config"), "kiln");
}

function defaultRoot({ env }: Surroundings): string {
  if (process.getuid?.() === 0) return "/var/lib/kiln";
  return join(env["XDG_DATA_HOME"] || join(env["HOME"] || homedir(), ".local/share"), "kiln");
}

/** An origin comes from a store: it must not name a file elsewhere. */
function checkedOrigin(origin: string): string {
  if (/^[a-z0-9][a-z0-9.-]{0,252}$/.test(origin)) return origin;
  throw new KilnError("STORE_CORRUPT", `got ${JSON.stringify(origin)} as the store's origin, want a bare host name`);
}
