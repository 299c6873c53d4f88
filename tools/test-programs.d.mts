export const programs: {
  readonly ministack: string;
  readonly versitygw: string;
  readonly helm: string;
  readonly minio: string;
  readonly aws: string;
  readonly reposync: string;
};
export function installBenchPrograms(say: (text: string) => void): string | undefined;
export function installTestPrograms(say: (text: string) => void): string | undefined;
