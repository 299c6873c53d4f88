// Sizes, times and rates as a person reads them.

const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** `1.4 GiB`; whole bytes below 1 KiB. */
export function bytesText(bytes: number): string {
  const unit = unitOf(bytes);
  return `${inUnit(bytes, unit)} ${units[unit]}`;
}

/** `0.9 of 2.0 GiB`: both in the unit of the total. */
export function bytesOfText(done: number, total: number): string {
  const unit = unitOf(total);
  return `${inUnit(done, unit)} of ${inUnit(total, unit)} ${units[unit]}`;
}

/** `650 MiB/s`, `1.2 GiB/s`: three figures are enough for a speed. */
export function rateText(bytesPerSecond: number): string {
  const unit = unitOf(bytesPerSecond);
  const amount = bytesPerSecond / 1024 ** unit;
  return `${amount < 9.95 && unit > 0 ? amount.toFixed(1) : Math.round(amount)} ${units[unit]}/s`;
}

/** `38 ms`, `2.4 s`, `3 min 05 s`, `2 h 07 min`. */
export function durationText(milliseconds: number): string {
  if (milliseconds < 95) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 59_950) return `${(milliseconds / 1000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

/** Whole seconds, for what is only a guess: `12 s left`. */
export function remainingText(milliseconds: number): string {
  const seconds = Math.max(1, Math.round(milliseconds / 1000));
  return `${seconds < 60 ? `${seconds} s` : durationText(seconds * 1000)} left`;
}

function unitOf(bytes: number): number {
  let unit = 0;
  // 1023.95 KiB would be shown as "1024.0 KiB": it is a MiB already.
  while (unit < units.length - 1 && bytes / 1024 ** unit >= 1023.95) unit++;
  return unit;
}

function inUnit(bytes: number, unit: number): string {
  return unit === 0 ? String(bytes) : (bytes / 1024 ** unit).toFixed(1);
}
