// Makes the root of an image: brings it into an OCI layout of its own, unpacks that, and keeps its variables beside the root.

import { existsSync, lstatSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join, resolve } from "node:path";

import { KilnError } from "../../errors.ts";
import { hashFile } from "../../system/hash-file.ts";
import { endOf, runProgram } from "../../system/process.ts";
import { systemPath } from "../../system/tools.ts";
import { type BaseJob, environmentFile } from "../base.ts";
import { environmentIn, onlyTag, selectImage } from "./layout.ts";
import type { ImageReference } from "./reference.ts";

interface ImageJob extends BaseJob {
  /** The repository's top folder: what paths are relative to. */
  readonly repository: string;
}

/** Throws BASE_MOVED, BASE_FAILED, TOOL_MISSING, CANCELLED. */
export async function makeImage(reference: ImageReference, job: ImageJob): Promise<void> {
  const { folder } = job;
  const layout = join(folder, "layout");
  await bringLayout(reference, layout, job);
  const rights = process.getuid?.() === 0 ? [] : ["--rootless"];
  const image = `${layout}:${onlyTag}`;
  await run(["umoci", "raw", "unpack", ...rights, "--image", image, join(folder, "root")], job);
  writeFileSync(join(folder, environmentFile), JSON.stringify(environmentIn(layout)));
  await rm(layout, { recursive: true });
  // Often a link to an absolute path, which isn't one of this machine's.
  if (lstatSync(join(folder, "root/bin/sh"), { throwIfNoEntry: false }) !== undefined) return;
  throw new KilnError("BASE_FAILED", `${reference.place}: got an image without /bin/sh, want one for command lines`, {
    hint: "name an image that has a shell",
  });
}

async function bringLayout({ from, place, sha256 }: ImageReference, layout: string, job: ImageJob): Promise<void> {
  if (from === "registry") {
    await run(["skopeo", "copy", `docker://${place}@sha256:${sha256}`, `oci:${layout}:${onlyTag}`], job);
    return;
  }
  const path = resolve(job.repository, place);
  if (!existsSync(path)) {
    throw new KilnError("BASE_MOVED", `${path}: got nothing there, want the image that the recipe names`, {
      hint: "put it there, or name another one in the recipe",
    });
  }
  if (from === "oci") return await selectImage(path, sha256, layout);
  const found = await hashFile(path);
  if (found !== sha256) {
    throw new KilnError("BASE_MOVED", `${path}: got sha256:${found}, want sha256:${sha256}`, {
      hint: "put the file there that the recipe means, or name this one's digest in the recipe",
    });
  }
  await run(["skopeo", "copy", `docker-archive:${path}`, `oci:${layout}:${onlyTag}`], job);
}

/** What skopeo needs of the user's: the way into the network, and credentials of registries. */
function environmentOf({ env }: BaseJob["context"]): Record<string, string> {
  const proxies = ["http_proxy", "https_proxy", "no_proxy", "all_proxy"].flatMap((name) => [name, name.toUpperCase()]);
  const registries = ["HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "DOCKER_CONFIG", "REGISTRY_AUTH_FILE"];
  const names = [...proxies, ...registries, "SSL_CERT_FILE", "SSL_CERT_DIR"];
  const kept = names.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]] as const]));
  return { ...Object.fromEntries(kept), PATH: systemPath, LC_ALL: "C.UTF-8", TZ: "UTC" };
}

async function run(argv: readonly [string, ...string[]], job: BaseJob): Promise<void> {
  const said: string[] = [];
  const result = await runProgram(argv, {
    cwd: job.folder,
    env: { ...environmentOf(job.context), TMPDIR: job.folder },
    signal: job.context.signal,
    onOutput: (piece) => {
      for (const line of piece.toString("utf8").split("\n")) {
        if (line.trim() === "") continue;
        job.onLine(line);
        said.push(line);
        if (said.length > 100) said.shift();
      }
    },
  });
  if (result.status === 0) return;
  const last = said.at(-1) ?? "no word of it";
  const why = /msg="((?:[^"\\]|\\.)*)"/.exec(last)?.[1]?.replaceAll(/\\(.)/g, "$1") ?? last;
  const isOther = /does not match (?:provided )?manifest digest|manifest unknown/i.test(why);
  throw new KilnError(isOther ? "BASE_MOVED" : "BASE_FAILED", `${argv[0]}: ${endOf(result)}: ${why}`, {
    hint: "skopeo reads the machine's registries.conf and the user's credentials: skopeo login HOST",
    details: { lastLines: said.slice(-20) },
  });
}
