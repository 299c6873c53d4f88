// Amazon's client library: it is loaded when a bucket is asked something, never before, for it is as large as all the rest.
// tools/bundle.ts packs it into the single-file program by this module's name.

import type * as client from "@aws-sdk/client-s3";

type Library = Pick<
  typeof client,
  | "S3Client"
  | "GetObjectCommand"
  | "HeadObjectCommand"
  | "ListObjectsV2Command"
  | "PutObjectCommand"
  | "CopyObjectCommand"
  | "CreateMultipartUploadCommand"
  | "UploadPartCommand"
  | "UploadPartCopyCommand"
  | "CompleteMultipartUploadCommand"
  | "AbortMultipartUploadCommand"
  | "ListMultipartUploadsCommand"
  | "DeleteObjectCommand"
>;

let library: Promise<Library> | undefined;

/** Once: each further import would go through the module loader, and every request asks. */
export async function loadS3Client(): Promise<Library> {
  return (library ??= import("@aws-sdk/client-s3"));
}
