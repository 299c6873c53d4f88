// `kiln store create`: a new store with its log, the keys that sign for it, and the trust file that pins them here.

import { dirname, resolve } from "node:path";

import { originSchema, type Trust, trustBytes, validitySchema } from "../artifact/trust.ts";
import type { Context } from "../context.ts";
import { isKilnError, KilnError } from "../errors.ts";
import { createStore } from "../publish/create-store.ts";
import { inStep } from "../report.ts";
import { createKeys, publicKeysOf, trustOf } from "../sign/keys.ts";
import { readPassphrase } from "../sign/passphrase.ts";
import { makeStore } from "../stores/writable.ts";
import { makeFolder, replaceFile } from "../system/durable.ts";
import type { Command } from "./command.ts";
import { type Configuration, defaultKeysFile, defaultTrustFile, loadConfiguration } from "./configuration.ts";
import { keyOptions, openKeys, type OpenedKeys } from "./keys-access.ts";
import { checkPublicUrl } from "./public-url.ts";
import { readTrustFile } from "./store-access.ts";

export const storeCreate: Command = {
  summary: "make a new store: its log, and its keys unless there are some",
  arguments: [{ name: "URL", description: "where: a folder that is empty or isn't there yet" }],
  options: [
    { flags: "--origin HOST", description: "the host name that the store's log has for good" },
    { flags: "--public-url URL", description: "where clients will reach the store (default: https://ORIGIN/)" },
    {
      flags: "--valid-for TIME",
      description: "how long apt takes a signed list of indexes for current, as in 14d (default: for ever)",
    },
    ...keyOptions,
  ],
  examples: [
    "kiln store create ~/releases --origin releases.example.com",
    "kiln store create ./store --origin kiln.test --passphrase-file passphrase.txt",
    "kiln store create s3://releases --origin releases.example.com --public-url https://cdn.example.com/releases/",
  ],
  async run(input, context) {
    const [url = ""] = input.arguments;
    const origin = requireOrigin(input.options["origin"]);
    const asked = input.options["publicUrl"];
    const publicUrl = typeof asked === "string" ? checkPublicUrl(asked, "store create") : undefined;
    const validity = requireValidity(input.options["validFor"]);
    const configuration = await loadConfiguration(input, context);
    const { opened, made } = await openOrCreateKeys(configuration, context, origin);
    const store = await makeStore(url.includes("://") ? url : resolve(context.cwd, url), context);
    const trustFile = configuration.trust ?? defaultTrustFile(context, origin);
    const trust = await pin(trustFile, { ...trustOf(publicKeysOf(opened)), ...validity });
    await createStore({ store, trust, signer: opened.signers.log, now: context.now(), publicUrl });
    return {
      json: { store: store.url, origin, keys: opened.where, trust: trustFile, log: trust.log },
      text: [
        `made the store ${store.url}`,
        `  keys   ${opened.where}${made ? " (new: keep a copy of it, and its passphrase somewhere else)" : ""}`,
        `  trust  ${trustFile} (give it to whoever verifies or deploys)`,
        `next: kiln publish --store ${/[^\w./:-]/.test(store.url) ? `'${store.url}'` : store.url}`,
      ].join("\n"),
    };
  },
};

function requireOrigin(origin: string | boolean | undefined): string {
  if (typeof origin === "string" && originSchema.safeParse(origin).success) return origin;
  throw new KilnError(
    "USAGE",
    `store create: got ${origin === undefined ? "no --origin" : `--origin ${origin}`}, want a host name`,
    {
      hint: "choose one that stays yours: it is signed into everything and can't be changed",
    },
  );
}

function requireValidity(time: string | boolean | undefined): Pick<Trust, "validity"> {
  if (typeof time !== "string") return {};
  if (validitySchema.safeParse(time).success) return { validity: [{ channels: ["*"], time }] };
  throw new KilnError("USAGE", `store create: got --valid-for ${time}, want a time, as in 14d or 12h`, {
    hint: "leave it out, unless `kiln refresh` runs more often than that",
  });
}

async function openOrCreateKeys(
  configuration: Configuration,
  context: Context,
  origin: string,
): Promise<{ opened: OpenedKeys; made: boolean }> {
  try {
    return { opened: await openKeys(configuration, context, origin), made: false };
  } catch (error) {
    if (!isKilnError(error, "KEYS_NOT_FOUND")) throw error;
  }
  const file = configuration.keys ?? defaultKeysFile(context, origin);
  const passphrase = await readPassphrase(context, configuration.passphraseFile);
  await inStep(context.report, "make the keys", () => createKeys({ file, origin, passphrase, now: context.now() }));
  return { opened: await openKeys(configuration, context, origin), made: true };
}

/** Writes the trust file, or takes the one that is there if it has these keys. Throws TRUST_INVALID. */
async function pin(file: string, trust: Trust): Promise<Trust> {
  const pinned = await readPinned(file);
  if (pinned === undefined) {
    await makeFolder(dirname(file));
    await replaceFile(file, trustBytes(trust));
    return trust;
  }
  const same = pinned.log === trust.log && pinned.origin === trust.origin;
  if (same && pinned.release.some(({ publicKey }) => publicKey === trust.release[0]?.publicKey)) return pinned;
  throw new KilnError("TRUST_INVALID", `${file}: got other keys than the key file has`, {
    hint: "move the file away, or use the keys that it names",
  });
}

async function readPinned(file: string): Promise<Trust | undefined> {
  try {
    return await readTrustFile(file);
  } catch (error) {
    if (isKilnError(error, "NO_TRUST")) return undefined;
    throw error;
  }
}
