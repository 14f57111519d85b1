const UNITS = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "min"],
  [1000, "s"],
] as const;

/** A span of time for people: `90 s`, `30 min`. */
export function spanText(ms: number): string {
  const [unit, name] = UNITS.find(([one]) => ms >= one && ms % one === 0) ?? [1000, "s"];
  return `${Math.round(ms / unit)} ${name}`;
}
