// The options that every command takes.

export const commonOptions = [
  { flags: "--store URL", description: "the store: a folder, s3://…, or https://… to read (KILN_STORE)" },
  { flags: "--trust FILE", description: "the pinned public keys (KILN_TRUST)" },
  { flags: "--json", description: "print the result as one JSON object" },
  { flags: "--quiet", description: "print no progress" },
  { flags: "--verbose", description: "print what child processes print, and the stack of an error" },
] as const;
