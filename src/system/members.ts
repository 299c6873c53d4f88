// What lies inside a packed file, member by member: how two of them are compared, whatever their format is. Archives made of
// tars say it through `tarMembers`; other formats call `onMember` themselves.

import { tarReader, type TarEntry } from "./tar-reader.ts";

export interface Member {
  /** Its path in the packed file, which no other member has. */
  readonly path: string;
  /** What the format says of it beside its bytes, as a person reads it: mode, modified, target … */
  readonly facts: Readonly<Record<string, string>>;
}

/** Begins a member; what it returns takes the member's bytes, until the next one begins. */
export type OnMember = (member: Member) => (piece: Buffer) => void;

/** Reads one tar, piece by piece; `folder` goes before the paths where a file holds several. Throws ARCHIVE_UNSAFE. */
export async function tarMembers(pieces: AsyncIterable<Buffer>, onMember: OnMember, folder = ""): Promise<void> {
  const reader = tarMemberReader(onMember, folder);
  for await (const piece of pieces) reader.write(piece);
  reader.finish();
}

/** The same, for a tar that comes from a program. */
export function tarMemberReader(onMember: OnMember, folder = "") {
  let take: ReturnType<OnMember> = () => {};
  return tarReader({
    entry: (entry) => {
      take = onMember({ path: folder + entry.path.replace(/^\.\//, ""), facts: factsOf(entry) });
    },
    data: (piece) => take(piece),
    end: () => {},
  });
}

function factsOf({ type, mode, modified, target }: TarEntry): Member["facts"] {
  return { type, mode: mode.toString(8).padStart(4, "0"), modified: String(modified), target };
}
