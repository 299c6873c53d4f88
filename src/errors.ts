// Every failure that Kiln tells a person about: one class, one table of codes.
// A code is permanent and says what happened; the message says where, "got" and "want"; the hint says what to do.
// docs/errors.md is generated from this table. The exit status follows from the code:
// 1 failed · 2 usage · 3 verification refused.

interface CodeInfo {
  readonly exit: 1 | 2 | 3;
  /** What it means, one sentence, for docs/errors.md. */
  readonly meaning: string;
  /** What to do about it, one sentence, for docs/errors.md. */
  readonly remedy: string;
}

export const codes = {
  // The command line and the recipe
  USAGE: { exit: 2, meaning: "The command line is wrong.", remedy: "See `kiln COMMAND --help`." },
  CONFIG_INVALID: {
    exit: 2,
    meaning: "A configuration file or variable has a value that can't be used.",
    remedy: "`kiln config` shows each value and where it came from.",
  },
  RECIPE_INVALID: {
    exit: 2,
    meaning: "The recipe breaks its schema, or says something impossible.",
    remedy: "The message names file, line and column; docs/recipe.md lists every key.",
  },
  NAME_INVALID: {
    exit: 2,
    meaning: "A name, version or channel has characters or a length that not every store and client can hold.",
    remedy: "docs/recipe.md says which are allowed.",
  },
  RECIPE_NOT_FOUND: {
    exit: 2,
    meaning: "There is no recipe at this path of the commit.",
    remedy: "Commit the recipe, or name its path with --recipe; docs/recipe.md says how to write one.",
  },
  VERSION_UNRESOLVED: {
    exit: 1,
    meaning: "The place that the recipe takes its version from doesn't give one.",
    remedy: "The message names the place and what is there; docs/recipe.md lists the sources of a version.",
  },
  VERSION_UNMAPPABLE: {
    exit: 1,
    meaning: "A version can't be written in a package format without changing what it says or how it sorts.",
    remedy:
      "Use a version such as 1.2.3 or 1.2.0-rc.1, or allow the loss with `lossy`; docs/versions.md has the table.",
  },
  BAKE_MISMATCH: {
    exit: 1,
    meaning:
      "Bakes that don't make one release: of other sources or recipes, or with cells of the matrix twice or missing.",
    remedy: "Bake every cell from the same commit with the same version, and name each folder once.",
  },
  REBUILD_IMPOSSIBLE: {
    exit: 1,
    meaning: "The release's provenance doesn't say enough to bake it again.",
    remedy: "Releases of a commit can be repeated; where the provenance has no address, name a clone with --source.",
  },
  CELL_ELSEWHERE: {
    exit: 1,
    meaning: "A cell of the recipe's matrix is for another architecture than this machine's.",
    remedy: "Bake it there with --cell, and publish the folders together.",
  },
  BAKE_CHANGED: {
    exit: 1,
    meaning: "A baked file isn't what its manifest says.",
    remedy: "Bake again: something wrote into the bake's folder.",
  },
  RELEASE_YANKED: {
    exit: 1,
    meaning: "The release was yanked: it stays where it is, but nothing may lead to it.",
    remedy: "Choose another version; `kiln show NAME@VERSION` says why it was yanked, `kiln unyank` takes that back.",
  },
  RELEASE_RETIRED: {
    exit: 1,
    meaning: "The release was retired: its artifacts are no longer kept.",
    remedy: "Choose another version; its source is known, so `kiln rebuild NAME@VERSION` can bake it again to look at.",
  },
  RELEASE_SHOWN: {
    exit: 1,
    meaning: "A channel shows the release, so it can't be yanked or retired.",
    remedy: "Move the channel first, or in the same step with `kiln yank --move-to`.",
  },
  CHANNEL_CONFLICT: {
    exit: 1,
    meaning: "The channel can't be moved there.",
    remedy: "`kiln show NAME` says where each channel points.",
  },
  CLOCK_WRONG: {
    exit: 1,
    meaning: "The clocks of this machine and of the store differ by more than 5 s, and what is signed has a date.",
    remedy: "Set the clock that is wrong (NTP), and publish again; nothing was written.",
  },
  STORE_CONTENDED: {
    exit: 1,
    meaning: "Others appended to the log each time that this publisher tried to.",
    remedy: "Try again; nothing was published.",
  },
  INTERNAL: {
    exit: 1,
    meaning: "Kiln met something that it has no answer to: a bug in Kiln.",
    remedy: "Please report it with the stack that was printed.",
  },
  // The source
  NOT_A_REPOSITORY: {
    exit: 2,
    meaning: "The folder isn't in a git repository that Kiln can read.",
    remedy: "Run it inside a clone, or `git init` and commit first.",
  },
  REPOSITORY_UNTRUSTED: {
    exit: 1,
    meaning: "The repository belongs to another user, so git refuses to read it.",
    remedy: "The hint has the command that says you trust it.",
  },
  COMMIT_NOT_FOUND: {
    exit: 2,
    meaning: "The repository has no such commit, branch or tag.",
    remedy: "Fetch it, or check the spelling.",
  },
  HISTORY_MISSING: {
    exit: 1,
    meaning: "The clone is shallow or partial, and lacks what is needed here.",
    remedy: "Clone with all history and tags, or fetch them: `git fetch --unshallow --tags`.",
  },
  SOURCE_UNSUPPORTED: {
    exit: 1,
    meaning:
      "The commit has something that Kiln can't check out faithfully: a submodule, a Git LFS pointer, an odd path.",
    remedy: "Keep the files themselves in the repository, or fetch them in a `fetch` step.",
  },
  GIT_FAILED: {
    exit: 1,
    meaning: "A git command failed in a way that Kiln doesn't know.",
    remedy: "The message ends with what git said.",
  },
  // What the machine lacks, or did
  CANCELLED: {
    exit: 1,
    meaning: "The command was interrupted.",
    remedy: "Run it again; nothing half-done is visible.",
  },
  TOOL_MISSING: {
    exit: 1,
    meaning: "A program that this step runs isn't installed.",
    remedy: "Install the Debian package that the hint names.",
  },
  DISK_FULL: { exit: 1, meaning: "A disk or quota is full.", remedy: "Free some room and run it again." },
  PERMISSION_DENIED: {
    exit: 1,
    meaning: "The operating system refused to read or write a file.",
    remedy: "Check the owner and mode of the path in the message.",
  },
  NOT_A_FOLDER: {
    exit: 1,
    meaning: "Where Kiln needs a folder, or has to make one, there is something else.",
    remedy: "Name another path, or move away what is there.",
  },
  BUSY: {
    exit: 1,
    meaning: "Another process holds the lock on the same folder for longer than the wait.",
    remedy: "Wait for it, or end it: the lock goes with its process.",
  },
  // Baking
  DIRTY_TREE: {
    exit: 1,
    meaning: "The work tree has changes that the commit hasn't.",
    remedy: "Commit them or put them away; --allow-dirty bakes them under a version that says so.",
  },
  ARTIFACT_INVALID: {
    exit: 1,
    meaning: "What a bake should pack isn't there, or can't be held by this kind of artifact.",
    remedy: "Correct the build step that makes it, or the artifact's entry in the recipe.",
  },
  IMPORT_REFUSED: {
    exit: 1,
    meaning:
      "A file that was made elsewhere can't be published: it is damaged, dangerous, or of no kind that Kiln knows.",
    remedy:
      "The message names the file and what is wrong with it; nothing was published. docs/imports.md says what can be.",
  },
  STEP_FAILED: {
    exit: 1,
    meaning: "A step of the recipe failed; no later step ran.",
    remedy: "The message names the log that has all its output.",
  },
  SECRET_MISSING: {
    exit: 1,
    meaning: "A step names a secret that the environment of this bake doesn't have.",
    remedy: "Set the variable that the hint names.",
  },
  SANDBOX_FAILED: {
    exit: 1,
    meaning: "This machine doesn't allow the sandbox that steps run in.",
    remedy: "Allow unprivileged user namespaces, or bake with --isolation none, which the provenance records.",
  },
  REPORT_INVALID: {
    exit: 1,
    meaning:
      "A report of tests, coverage or a scan isn't in the format that it claims, is cut off, or is too large to read.",
    remedy: "The message says where; `format: other` keeps the file without numbers.",
  },
  GATE_FAILED: {
    exit: 1,
    meaning:
      "A gate of the release's recipe said no, so nothing was published and no channel moved; the refusal is logged.",
    remedy:
      "The message has the number that was got and the one that is wanted; docs/gates.md says which gate is asked when.",
  },
  LIMIT_EXCEEDED: {
    exit: 1,
    meaning:
      "A step took more time, output, disk, processes or memory than the recipe allows; it was ended with all that it started.",
    remedy: "Let it take less, or raise the limit that the message names: `limits` in the recipe.",
  },
  MOUNT_CHANGED: {
    exit: 1,
    meaning: "What a recipe mounts isn't pinned by its lock file, isn't there, or isn't what was pinned.",
    remedy: "`kiln lock` pins what is there now; look at it, and commit the lock file.",
  },
  BASE_UNLOCKED: {
    exit: 1,
    meaning: "The lock file beside the recipe doesn't say what the recipe's base is made of.",
    remedy: "`kiln lock` writes it; commit it beside the recipe.",
  },
  BASE_MOVED: {
    exit: 1,
    meaning: "A base can't be had any more as it was pinned: the mirror or the image has something else now.",
    remedy: "The message says what differs; `kiln lock` pins what there is now. A snapshot date never moves.",
  },
  BASE_FAILED: {
    exit: 1,
    meaning: "A base couldn't be made: it wasn't reached, isn't signed as it should be, or can't be installed.",
    remedy:
      "The message ends with what the mirror, the registry or the installer said; docs/bake.md says where bases come from.",
  },
  NOT_REPRODUCIBLE: {
    exit: 1,
    meaning: "Two bakes of the same inputs gave different bytes.",
    remedy: "The message names the first differing file; let its build step leave out times, paths and random values.",
  },
  // Stores
  STORE_NOT_FOUND: {
    exit: 1,
    meaning: "There is no Kiln store at this address.",
    remedy: "Check the address, or make one with `kiln store create`.",
  },
  STORE_EXISTS: { exit: 1, meaning: "There is a store here already.", remedy: "Use it, or choose another folder." },
  STORE_UNREACHABLE: { exit: 1, meaning: "The store didn't answer.", remedy: "Check the network and try again." },
  STORE_READ_ONLY: {
    exit: 1,
    meaning: "The store, or this way of reaching it, can't be written.",
    remedy: "Publish through a folder that this user may write.",
  },
  STORE_CORRUPT: {
    exit: 3,
    meaning: "A document in the store can't be what Kiln wrote.",
    remedy: "`kiln audit` says what else is wrong.",
  },
  STORE_MIRROR: {
    exit: 1,
    meaning: "The store is a mirror of another one: what is published here would fork its log.",
    remedy: "Publish to the store that is mirrored; docs/mirrors.md says how a mirror takes its place.",
  },
  MIRROR_CONFLICT: {
    exit: 1,
    meaning: "The target holds something else than a mirror of this source, or a mirror of other channels or names.",
    remedy: "Choose another target; nothing was copied.",
  },
  STORE_UNSUITABLE: {
    exit: 1,
    meaning: "The store's server ignores conditional writes: two publishers would overwrite each other.",
    remedy: "Use a server that honours `If-None-Match` and `If-Match`; docs/store.md names some.",
  },
  STORE_REFUSED: {
    exit: 1,
    meaning: "The store's server doesn't let this client do what it asked.",
    remedy: "A web server must allow reading without credentials; a bucket wants credentials that may read and write.",
  },
  DOCUMENT_TOO_LARGE: {
    exit: 1,
    meaning: "A document that readers fetch whole would grow past 8 MiB.",
    remedy: "Nothing was changed; publish fewer artifacts at once, or under another name.",
  },
  NOT_FOUND: {
    exit: 1,
    meaning: "No such name, version, channel or object.",
    remedy: "`kiln list` shows what exists.",
  },
  // Trust
  TRUST_INVALID: {
    exit: 2,
    meaning: "A trust file can't be used.",
    remedy: "Fetch it again from where you trust it.",
  },
  LOG_INCONSISTENT: {
    exit: 3,
    meaning:
      "The log isn't a continuation of what was seen of it before: somebody put an older or another one in its place.",
    remedy: "Use nothing from this store until an audit has explained it.",
  },
  SIGNATURE_INVALID: {
    exit: 3,
    meaning: "A signature isn't by a key that the trust file has, or not over these bytes.",
    remedy: "Don't use the artifact; `kiln audit` says what else was touched.",
  },
  KEY_NOT_ALLOWED: {
    exit: 3,
    meaning: "The key that signed may not release this name or move this channel at this place in the log.",
    remedy: "Sign with a key that the trust file allows, or allow this one in the pinned trust file.",
  },
  BUNDLE_INVALID: {
    exit: 3,
    meaning: "A file beside an artifact isn't a Sigstore bundle of the one form that Kiln writes.",
    remedy: "Fetch it again; if it stays so, `kiln audit` says what else was touched.",
  },
  PACKAGE_INVALID: {
    exit: 3,
    meaning:
      "A package, or the signature in it or beside it that its own format has, isn't of the form that Kiln writes.",
    remedy: "Don't use it; `kiln audit` says what else was touched.",
  },
  // What verify and audit find
  NO_TRUST: {
    exit: 2,
    meaning: "There is no pinned trust file, so there is nothing to verify against.",
    remedy: "Name one with --trust or KILN_TRUST; get it from whoever publishes, by a way that isn't the store.",
  },
  DIGEST_MISMATCH: {
    exit: 3,
    meaning: "The bytes aren't those that were signed or that the manifest names.",
    remedy: "Don't use them; fetch them again, and if they stay so, `kiln audit` says what else was touched.",
  },
  SUBJECT_MISMATCH: {
    exit: 3,
    meaning:
      "Something that is validly signed says nothing about this: it belongs to another artifact, release or channel.",
    remedy: "Don't use it; `kiln audit` says what else was swapped.",
  },
  OBJECT_MISSING: {
    exit: 3,
    meaning: "Something that a signature, the log or a manifest names isn't there.",
    remedy: "Restore it from a copy of the store; files beside an artifact come back with `kiln views rebuild`.",
  },
  OBJECT_UNKNOWN: {
    exit: 3,
    meaning: "The store has an object that Kiln doesn't write there.",
    remedy: "Find out who wrote it, and remove it.",
  },
  VIEW_MISMATCH: {
    exit: 3,
    meaning: "A view says something else than the log that it is derived from.",
    remedy: "`kiln views rebuild` writes it anew; find out who changed it.",
  },
  RELEASE_CONFLICT: {
    exit: 3,
    meaning: "The log has two releases for one version, or for one commit and recipe.",
    remedy: "The first one counts; find out who signed the second, and revoke the key.",
  },
  CHANNEL_CONFLICTING: {
    exit: 3,
    meaning:
      "A channel move in the log doesn't follow the move before it, or points at nothing, or at what was yanked or retired.",
    remedy: "Find out who signed it; move the channel again to where it belongs.",
  },
  ENTRY_UNEXPECTED: {
    exit: 3,
    meaning: "The log has the record of a signature that doesn't belong to the release that follows it.",
    remedy: "Find out who holds the log key: only it can append.",
  },
  VIEW_EXPIRED: {
    exit: 3,
    meaning: "A signed list of indexes is past the date until which it is valid: its clients refuse it.",
    remedy: "`kiln refresh` signs it anew; let a timer run it more often than it expires.",
  },
  VIEW_BEHIND: {
    exit: 1,
    meaning: "A view hasn't taken in the newest entries of the log: a publish is going on, or stopped.",
    remedy: "Nothing is wrong; the next publish brings the views up.",
  },
  APPEND_UNFINISHED: {
    exit: 1,
    meaning: "The log's head is ahead of its public checkpoint: a publish is going on, or stopped.",
    remedy: "Nothing is wrong; the next publish finishes it.",
  },
  LOG_GREW: {
    exit: 1,
    meaning: "Somebody published while the audit went on; what was added since it began wasn't looked at.",
    remedy: "Nothing is wrong; audit again with `--since` and the checkpoint that this audit printed.",
  },
  OBJECT_UNUSED: {
    exit: 1,
    meaning: "The store has objects that nothing refers to: a publish that stopped leaves them.",
    remedy: "Nothing is wrong; `kiln gc` removes them.",
  },
  MIRROR_PARTIAL: {
    exit: 1,
    meaning:
      "The store says that it mirrors only a part of the releases; the others aren't here and weren't looked at.",
    remedy: "What its channels or names lead to was checked; audit the store that is mirrored for the rest.",
  },
  OBJECTS_NOT_LISTED: {
    exit: 1,
    meaning: "This way of reaching the store can't list it, so objects that nothing refers to weren't looked for.",
    remedy: "Audit the folder itself to look for them.",
  },
  TRUST_DIFFERS: {
    exit: 1,
    meaning: "The store's own copy of the trust file isn't the pinned one.",
    remedy: "The pinned one was used; find out which is newer, and fetch it from where you trust it.",
  },
  // Deploying
  ARCHIVE_UNSAFE: {
    exit: 3,
    meaning: "An archive isn't a whole tar.zst, or holds something that could reach outside its own folder.",
    remedy: "Nothing of it was kept; bake the release anew without what the message names.",
  },
  HEAD_REPLAYED: {
    exit: 3,
    meaning: "The store shows a channel at an older place than this host has seen it.",
    remedy: "Ask whoever keeps the store: an old copy is served, or somebody holds updates back.",
  },
  BAD_RELEASE: {
    exit: 1,
    meaning: "The channel shows a release that failed its probe on this host, or was rolled back here.",
    remedy: "Move the channel to another release, or deploy this one by NAME@VERSION to try it again.",
  },
  NOT_DEPLOYABLE: {
    exit: 1,
    meaning: "The release has nothing that this host can put into service.",
    remedy: "Its recipe's `activate` says what is put into service, and by which activator.",
  },
  ENVIRONMENT_INVALID: {
    exit: 2,
    meaning: "The environment file of a deployed name has a line that can't be used.",
    remedy: "Write one KEY=VALUE a line; the value is everything after the first =, as it stands.",
  },
  PARAMETER_MISSING: {
    exit: 1,
    meaning: "The release needs a parameter that the environment file of this host doesn't set.",
    remedy: "Add it to the file that the message names and deploy again; nothing was changed.",
  },
  PROBE_FAILED: {
    exit: 1,
    meaning: "The release was put into service and didn't prove healthy in time, so what ran before was put back.",
    remedy: "The message says what the probe got, and the last lines that the process wrote.",
  },
  STOP_FAILED: {
    exit: 1,
    meaning: "A process didn't end, not even when it was killed.",
    remedy: "It waits for the kernel, as a rule for a disk; run `kiln recover` when that is mended.",
  },
  REVERT_FAILED: {
    exit: 1,
    meaning: "A deploy failed, and what ran before couldn't be put back.",
    remedy: "Mend what the message names and run `kiln recover`; it tries again.",
  },
  NO_EARLIER_RELEASE: {
    exit: 1,
    meaning: "There is no earlier release on this host to go back to.",
    remedy: "Deploy the one you want by NAME@VERSION.",
  },
  JOURNAL_INVALID: {
    exit: 1,
    meaning: "A deploy journal, or what a host remembers of a log, is damaged in a way that no crash leaves.",
    remedy: "Restore the file that the message names from a backup; moving a name's folder away starts it anew.",
  },
  // Private keys
  KEYS_EXIST: {
    exit: 1,
    meaning: "There is a key file here already, and keys are never overwritten.",
    remedy: "Use it, or name another file.",
  },
  KEYS_NOT_FOUND: {
    exit: 1,
    meaning: "There is no key file here.",
    remedy: "Name the right one with --keys or KILN_KEYS, or make one with `kiln keys create`.",
  },
  KEYS_INVALID: {
    exit: 1,
    meaning: "A key file is damaged, or was never one.",
    remedy: "Restore it from its backup; nobody can rebuild a private key.",
  },
  KEY_MISSING: {
    exit: 1,
    meaning: "The key file lacks a key that this needs to sign.",
    remedy: "Use a key file that holds it; `kiln keys list` shows what one holds.",
  },
  PASSPHRASE_MISSING: {
    exit: 1,
    meaning: "The key file is encrypted, and no passphrase was given.",
    remedy: "Set KILN_PASSPHRASE, or name a file that holds it with --passphrase-file or KILN_PASSPHRASE_FILE.",
  },
  PASSPHRASE_WRONG: {
    exit: 1,
    meaning: "The passphrase doesn't open the key file.",
    remedy: "Check which passphrase belongs to this file; a lost one can't be recovered.",
  },
  CHECKPOINT_INVALID: {
    exit: 3,
    meaning: "A log's checkpoint isn't a signed note of that log's key, or doesn't say what a checkpoint must.",
    remedy: "Don't use what it came with; check the trust file, then ask whoever runs the log.",
  },
  PROOF_INVALID: {
    exit: 3,
    meaning: "A proof doesn't lead to the root of the log's checkpoint.",
    remedy: "Don't use what it came with; `kiln audit` says whether the log itself is damaged.",
  },
  ENTRY_TOO_LARGE: {
    exit: 1,
    meaning: "A log entry would be longer than 65,535 bytes.",
    remedy: "Shorten what the release says of itself: names, versions, reasons.",
  },
  NAME_CLASH: {
    exit: 1,
    meaning:
      "Stock clients would refuse what is to be published for its name or version, or couldn't tell it from something that is there, or from another part of it.",
    remedy:
      "The message names the view, and what it wants or would take the package for: give that another name or version.",
  },
  IMMUTABLE_CONFLICT: {
    exit: 1,
    meaning: "The same name or version was published before with other bytes.",
    remedy: "Published versions never change; publish a new version.",
  },
} as const satisfies Record<string, CodeInfo>;

export type Code = keyof typeof codes;

export interface KilnErrorOptions {
  /** What a person should do now: one line, imperative. */
  readonly hint?: string;
  /** Machine-readable facts, shown by --json. Never secrets. */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

export class KilnError extends Error {
  readonly code: Code;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: Code, message: string, options: KilnErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "KilnError";
    this.code = code;
    this.hint = options.hint;
    this.details = options.details ?? {};
  }

  get exitStatus(): 1 | 2 | 3 {
    return codes[this.code].exit;
  }
}

/** True when `error` is a KilnError with one of `wanted`: the only way code elsewhere may catch. */
export function isKilnError(error: unknown, ...wanted: readonly Code[]): error is KilnError {
  return error instanceof KilnError && (wanted.length === 0 || wanted.includes(error.code));
}

/** True for an operating-system error with one of these codes (`ENOENT`, `EEXIST` …). */
export function isSystemError(error: unknown, ...wanted: readonly string[]): error is NodeJS.ErrnoException {
  return error instanceof Error && "code" in error && wanted.includes(String(error.code));
}
