export const programs: {
  readonly ministack: string;
  readonly versitygw: string;
  readonly helm: string;
  readonly reposync: string;
};
export function installTestPrograms(say: (text: string) => void): string | undefined;
