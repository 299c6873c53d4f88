export interface WeekDate {
  readonly year: number;
  readonly week: number;
  readonly weekday: number;
}

/** The week date of a `Date`: year, week 1 to 53, weekday 1 (Monday) to 7. */
export function weekDateOf(date: Date): WeekDate;

/** `2026-W03-5` */
export function formatWeekDate(weekDate: WeekDate): string;

/** The `Date` of a week date's text, at midnight UTC. Throws a RangeError for text that is none. */
export function parseWeekDate(text: string): Date;
