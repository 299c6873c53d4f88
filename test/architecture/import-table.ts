// Who may import whom, as data. Every file of src belongs to the first part whose pattern matches; a part imports itself and
// what `may` names. Changing a line here changes the design: say why in docs/architecture.md.

export interface Part {
  readonly name: string;
  /** Paths below src. */
  readonly files: RegExp;
  readonly may: readonly string[];
  /**
   * Files that do the same job for different things (a kind, a store, a view, an activator) may not lean on one another.
   * A file and those named after it (`folder.ts`, `folder-list.ts`, `folder/…`) count as one.
   */
  readonly siblings?: "apart";
}

const base = ["base"];

export const parts: readonly Part[] = [
  { name: "base", files: /^(errors|report|context|nearest)\.ts$|^(artifact|system)\//, may: [] },

  { name: "store interface", files: /^stores\/(store|read|address|served-as|remembered)\.ts$/, may: base },
  { name: "stores list", files: /^stores\/(index|writable)\.ts$/, may: [...base, "store interface", "store"] },
  { name: "store", files: /^stores\//, may: [...base, "store interface"], siblings: "apart" },

  { name: "kind interface", files: /^kinds\/kind\.ts$/, may: base },
  { name: "kinds list", files: /^kinds\/index\.ts$/, may: [...base, "kind interface", "kind"] },
  // What packages of a system (deb, rpm) have in common, whatever their format.
  { name: "system package", files: /^kinds\/system-package\//, may: [...base, "kind interface"] },
  // How a .deb is packed, and how a Python project is built: a kind that is both (venv-deb) stands on them, and on no kind.
  {
    name: "package parts",
    files: /^kinds\/(?:deb\/(?!deb\.ts$)|python\/(?!(?:wheel|sdist)\.ts$))/,
    may: [...base, "kind interface", "system package"],
  },
  {
    name: "kind",
    files: /^kinds\//,
    may: [...base, "kind interface", "system package", "package parts", "reports"],
    siblings: "apart",
  },
  // Formats of reports: the kind keeps them, a bake reads those of checks.
  { name: "reports", files: /^reports\//, may: base },

  { name: "base interface", files: /^bases\/(base|lock)\.ts$/, may: base },
  { name: "bases list", files: /^bases\/(index|ready)\.ts$/, may: [...base, "base interface", "bases"] },
  { name: "bases", files: /^bases\//, may: [...base, "base interface"], siblings: "apart" },

  { name: "activator interface", files: /^activators\/activator\.ts$/, may: base },
  { name: "activators list", files: /^activators\/index\.ts$/, may: [...base, "activator interface", "activator"] },
  { name: "activator", files: /^activators\//, may: [...base, "activator interface"], siblings: "apart" },

  // The documents and tables that views are made of; what reads them back is here too, because a view only writes.
  {
    name: "view interface",
    files:
      /^views\/(view|documents|table|catalog|shards|prove|shown|earlier|withdrawal|generations|compressed-index|xz)\.ts$/,
    may: [...base, "store interface"],
  },
  { name: "views list", files: /^views\/index\.ts$/, may: [...base, "view interface", "view"] },
  { name: "view", files: /^views\//, may: [...base, "view interface"], siblings: "apart" },

  // Reading the log is open to whoever verifies; extending it isn't.
  { name: "log, writing", files: /^log\/(append|head)\.ts$/, may: [...base, "store interface", "log"] },
  { name: "log", files: /^log\//, may: [...base, "store interface"] },

  { name: "sign", files: /^sign\//, may: base },
  {
    name: "recipe",
    files: /^recipe\//,
    may: [...base, "kind interface", "kinds list", "activator interface", "activators list", "bases list"],
  },
  {
    name: "bake",
    files: /^bake\//,
    may: [...base, "recipe", "kind interface", "kinds list", "base interface", "bases list", "reports"],
  },
  // Files that were made elsewhere as what can be published: what a bake writes of itself, without a bake.
  { name: "import", files: /^import\//, may: [...base, "kind interface", "kinds list", "bake"] },
  // Only proposes: it looks at files, and runs nothing of a project's.
  { name: "init", files: /^init\//, may: [...base, "kind interface", "kinds list"] },
  {
    name: "verify",
    files: /^verify\//,
    may: [...base, "log", "store interface", "view", "view interface", "views list"],
  },
  {
    name: "deploy",
    files: /^deploy\//,
    may: [...base, "log", "store interface", "activator interface", "activators list", "verify", "view interface"],
  },
  {
    name: "publish",
    files: /^publish\//,
    may: [...base, "log", "log, writing", "sign", "store interface", "stores list", "view interface", "views list"],
  },

  // Writes stores without a key: what it writes is copied, or made from the log.
  {
    name: "sync",
    files: /^sync\//,
    may: [...base, "log", "log, writing", "store interface", "view interface", "views list", "publish", "verify"],
  },

  { name: "program", files: /^(program|terminal)(\.ts$|\/)|^start\.ts$|^commands\/(command|entry)\.ts$/, may: base },
  { name: "deploy commands list", files: /^commands\/deploy-index\.ts$/, may: ["program", "commands"] },
  { name: "commands list", files: /^commands\/index\.ts$/, may: ["program", "commands", "deploy commands list"] },
  {
    name: "commands",
    files: /^commands\//,
    may: [
      "base",
      "program",
      "recipe",
      "kind interface",
      "kinds list",
      "base interface",
      "bases list",
      "init",
      "bake",
      "import",
      "sign",
      "log",
      "log, writing",
      "store interface",
      "stores list",
      "view interface",
      "views list",
      "publish",
      "sync",
      "verify",
      "activator interface",
      "activators list",
      "deploy",
    ],
  },
  { name: "kiln", files: /^cli\.ts$/, may: ["program", "commands list"] },
  { name: "kiln-deploy", files: /^kiln-deploy\.ts$/, may: ["program", "deploy commands list"] },
];

/** The parts that code which deploys or verifies must not reach, over any number of imports. */
export const unreachable = {
  from: ["verify", "deploy", "log", "view interface", "activator interface", "activators list", "kiln-deploy"],
  never:
    /^(bake|bases|import|kinds|sign|publish|recipe|sync)\/|^log\/(append|head)\.ts$|^stores\/(writable|folder|s3)\.ts$/,
} as const;

/** Names of the writing half of the store interface: code that only reads can't ask for it. */
export const readersOf = {
  file: "stores/store.ts",
  parts: ["verify", "deploy", "log", "view interface", "view", "views list"],
  never: ["Store"],
} as const;

/** What would be ambient: only the programs and the commands may use it, everything else is given a Context. */
export const ambient = {
  allowed: /^(cli|kiln-deploy|program|start)\.ts$|^commands\//,
  uses: [/\bprocess\.env\b/, /\bprocess\.cwd\(/, /\bDate\.now\(/, /\bnew Date\(\)/],
} as const;
