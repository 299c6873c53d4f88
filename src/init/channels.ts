// The channels of a proposed recipe, from the branches and tags that exist: the main line to staging, tags to production, every
// other branch to a channel of its own.

export interface Refs {
  /** Short names. */
  readonly branches: readonly string[];
  readonly tags: readonly string[];
  /** The branch that is checked out, short. */
  readonly current: string | undefined;
}

export function channelLines({ branches, tags, current }: Refs): string[] {
  const main = ["main", "master", "trunk"].find((name) => branches.includes(name)) ?? current ?? "main";
  const develop = ["develop", "development", "dev"].find((name) => name !== main && branches.includes(name));
  const released = `${tagPrefix(tags) ?? "v"}*`;
  return [
    ...(develop === undefined ? [] : [`  - { branch: ${JSON.stringify(develop)}, channel: testing }`]),
    `  - { branch: ${JSON.stringify(main)}, channel: staging }`,
    `  - { tag: ${JSON.stringify(released)}, channel: production }`,
    '  - { branch: "*", channel: "branch-${slug}" }',
  ];
}

/** What stands before the version in the tags that have one: `v` where nothing says otherwise, undefined where no tag has one. */
export function tagPrefix(tags: readonly string[]): string | undefined {
  if (tags.some((tag) => /^v\d+\.\d/.test(tag))) return "v";
  return tags.some((tag) => /^\d+\.\d/.test(tag)) ? "" : undefined;
}
