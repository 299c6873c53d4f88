// What the writings of all formats have in common: a version is written so that it says and sorts what it did, or it is
// refused. A recipe may allow a format to lose that; what isn't legal in the format stays refused.

import { KilnError } from "../../errors.ts";
import { checkName } from "../name.ts";
import { parseVersion, type Version } from "./model.ts";

export interface WriteOptions {
  /** Whether two versions may become one, or sort otherwise: the recipe's `lossy`. */
  readonly lossy?: boolean | undefined;
}

export interface Writing {
  readonly version: Version;
  /** Refuses what would lose something, unless that is allowed; `want` completes "want …". Returns whether it is lost. */
  loses(isLost: boolean, want: string): boolean;
  /** Refuses what the format has no way to say at all. */
  lacks(isMissing: boolean, want: string): void;
}

/** For writing `text` in `format`, as a person calls it. Throws NAME_INVALID, and VERSION_UNMAPPABLE for no version of ours. */
export function startWriting(text: string, format: string, { lossy = false }: WriteOptions = {}): Writing {
  checkName("version", text);
  const version = parseVersion(text);
  if (version === undefined) {
    throw refusal({ text, format, want: "numbers with dots, as in 1.2.3 or 1.2.0-rc.1", allow: false });
  }
  return {
    version,
    loses(isLost, want) {
      if (isLost && !lossy) throw refusal({ text, format, want, allow: true });
      return isLost;
    },
    lacks(isMissing, want) {
      if (isMissing) throw refusal({ text, format, want, allow: false });
    },
  };
}

function refusal(options: {
  readonly text: string;
  readonly format: string;
  readonly want: string;
  readonly allow: boolean;
}): KilnError {
  const { text, format, want, allow } = options;
  const change = "give the release such a version";
  return new KilnError("VERSION_UNMAPPABLE", `version for ${format}: got ${text}, want ${want}`, {
    hint: allow ? `${change}, or allow the loss: the recipe's \`version\` has the key \`lossy\`` : change,
    details: { version: text, format },
  });
}
