// An OCI image layout on disk, read with every digest checked, from an index or manifest down to its layers. The result is a
// layout of one image for one platform, which umoci can unpack. Spec: OCI image-layout and image-index v1.

import { existsSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import { z } from "zod";

import { type Digest, digestOf } from "../../artifact/digest.ts";
import { KilnError } from "../../errors.ts";
import { hashFile } from "../../system/hash-file.ts";

/** The name under which the one image of a layout stands. */
export const onlyTag = "base";

const descriptorSchema = z.object({
  mediaType: z.string().optional(),
  digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  size: z.int().nonnegative(),
  platform: z.object({ architecture: z.string(), os: z.string() }).optional(),
});
const indexSchema = z.object({ manifests: z.array(descriptorSchema) });
const manifestSchema = z.object({ config: descriptorSchema, layers: z.array(descriptorSchema) });
const configSchema = z.object({ config: z.object({ Env: z.array(z.string()).nullish() }).nullish() });

type Descriptor = z.infer<typeof descriptorSchema>;

/** Makes `folder` a layout of the image `sha256` of the layout `from`. Throws BASE_MOVED, BASE_FAILED. */
export async function selectImage(from: string, sha256: Digest, folder: string): Promise<void> {
  const manifest = selectManifest(from, sha256);
  const { config, layers } = manifest.content;
  for (const blob of [config, ...layers]) {
    const digest = blob.digest.slice("sha256:".length);
    const path = blobPath(from, digest);
    if (!existsSync(path)) throw gone(from, digest);
    if ((await hashFile(path)) !== digest) throw corrupt(path);
  }
  await mkdir(folder);
  writeFileSync(join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  symlinkSync(realpathSync(join(from, "blobs")), join(folder, "blobs"));
  const { mediaType, digest, size } = manifest.descriptor;
  const annotations = { "org.opencontainers.image.ref.name": onlyTag };
  writeFileSync(
    join(folder, "index.json"),
    JSON.stringify({ schemaVersion: 2, manifests: [{ mediaType, digest, size, annotations }] }),
  );
}

/** The variables of the one image of a layout. */
export function environmentIn(folder: string): Record<string, string> {
  const index = parse(indexSchema, readFileSync(join(folder, "index.json")), folder);
  const digest = index.manifests[0]?.digest.slice("sha256:".length) ?? "";
  const { config } = parse(manifestSchema, readFileSync(blobPath(folder, digest)), folder);
  const path = blobPath(folder, config.digest.slice("sha256:".length));
  const variables = parse(configSchema, readFileSync(path), path).config?.Env ?? [];
  return Object.fromEntries(
    variables.flatMap((variable) => {
      const [, name, value] = /^([A-Za-z_][A-Za-z0-9_]*)=([^\0]*)$/s.exec(variable) ?? [];
      return name === undefined || value === undefined ? [] : [[name, value]];
    }),
  );
}

interface Selected {
  readonly descriptor: { readonly mediaType: string; readonly digest: string; readonly size: number };
  readonly content: z.infer<typeof manifestSchema>;
}

/** Through indexes, to the manifest for this machine. */
function selectManifest(from: string, sha256: Digest): Selected {
  const path = blobPath(from, sha256);
  if (!existsSync(path)) throw gone(from, sha256);
  const bytes = readFileSync(path);
  if (digestOf(bytes) !== sha256) throw corrupt(path);
  const index = indexSchema.safeParse(json(bytes, path));
  if (index.success) {
    const found = index.data.manifests.find(isForThisMachine);
    if (found !== undefined) return selectManifest(from, found.digest.slice("sha256:".length));
    throw new KilnError("BASE_FAILED", `${from}: got no image for linux/${ociArchitecture} in ${sha256}, want one`);
  }
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  return {
    descriptor: { mediaType, digest: `sha256:${sha256}`, size: bytes.length },
    content: parse(manifestSchema, bytes, path),
  };
}

/** As Go calls it, and so image indexes. */
const ociArchitecture =
  { x64: "amd64", ia32: "386", arm64: "arm64", arm: "arm" }[process.arch as string] ?? process.arch;

function isForThisMachine({ platform }: Descriptor): boolean {
  return platform === undefined || (platform.os === "linux" && platform.architecture === ociArchitecture);
}

function blobPath(layout: string, sha256: Digest): string {
  return join(layout, "blobs/sha256", sha256);
}

function parse<T>(schema: z.ZodType<T>, bytes: Uint8Array, path: string): T {
  const result = schema.safeParse(json(bytes, path));
  if (result.success) return result.data;
  throw new KilnError("BASE_FAILED", `${path}: got something else than an OCI image's document`, {
    hint: "images in Docker's own format: skopeo copy makes an OCI layout of them",
  });
}

function json(bytes: Uint8Array, path: string): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch (cause) {
    throw new KilnError("BASE_FAILED", `${path}: got something else than JSON, want an OCI image's document`, {
      cause,
    });
  }
}

function gone(from: string, sha256: Digest): KilnError {
  return new KilnError("BASE_MOVED", `${from}: got no sha256:${sha256}, want the image that the recipe names`, {
    hint: "put the image there, or name another digest in the recipe",
  });
}

function corrupt(path: string): KilnError {
  return new KilnError("BASE_MOVED", `${path}: got other bytes than those of its digest`, {
    hint: "fetch the image again",
  });
}
