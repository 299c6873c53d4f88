// What one sort of project says about itself: steps and artifacts for a recipe, and what only a person can know, as comments.
// Paths and commands are relative to the project's folder; whoever writes the recipe puts the folder before them.

export interface Line {
  readonly run: string;
  /** What stands above it as a comment. */
  readonly note?: string;
}

export interface ProposedVersion {
  /** What stands behind `version:`, as YAML on one line; `FOLDER/` in it stands for the project's folder. */
  readonly yaml: string;
  /** What it says now, where that is known. */
  readonly now?: string;
  readonly note?: string;
  /** True: the project's own tools take it from there, so that a tag may not say another. */
  readonly only?: true;
}

export interface ProposedArtifact {
  readonly name: string;
  /** The entry: keys and values in their order. Paths are relative to the project's folder. */
  readonly spec: Readonly<Record<string, unknown>> & { readonly kind: string };
  readonly note?: string;
}

export interface Finding {
  /** The file that was found first: `package.json`. */
  readonly file: string;
  /** The rest of the line that `init` prints. */
  readonly saw: string;
  /** What the release may be called, as the project writes it. */
  readonly name?: string | undefined;
  readonly version?: ProposedVersion | undefined;
  readonly env?: Readonly<Record<string, string>>;
  readonly fetch?: readonly Line[];
  readonly build?: readonly Line[];
  readonly checks?: readonly (Line & { readonly name: string })[];
  readonly artifacts?: readonly ProposedArtifact[];
  /** What can't be known, or isn't done: comments at the end. */
  readonly notes?: readonly string[];
}

/** A word of a shell command. */
export function shellWord(text: string): string {
  return /^[A-Za-z0-9_./:=@%+,~-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
