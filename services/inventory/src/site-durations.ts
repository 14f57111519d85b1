import {
  hours,
  milliseconds,
  minutes,
  parseDuration,
  seconds,
  type Duration,
} from "@outrider/contracts/clock";
import { quoted, type SitePath } from "./site-problem.js";

interface DurationRule {
  readonly fallback: Duration;
  readonly least: Duration;
  readonly most: Duration;
  readonly words: string;
}

/** The bounds are those of the contracts that carry the values. */
const DURATIONS = {
  gracefulLimit: {
    fallback: seconds(120),
    least: seconds(1),
    most: minutes(60),
    words: "1s to 1h",
  },
  dwell: {
    fallback: seconds(5),
    least: milliseconds(100),
    most: minutes(10),
    words: "100ms to 10m",
  },
  sampling: {
    fallback: seconds(2),
    least: milliseconds(100),
    most: minutes(10),
    words: "100ms to 10m",
  },
  reporting: {
    fallback: seconds(10),
    least: milliseconds(100),
    most: minutes(20),
    words: "100ms to 20m",
  },
  duration: {
    fallback: seconds(10),
    least: seconds(1),
    most: minutes(10),
    words: "1s to 10m",
  },
  startSpacing: {
    fallback: seconds(0),
    least: seconds(0),
    most: minutes(60),
    words: "0s to 1h",
  },
  startDuration: {
    fallback: seconds(10),
    least: seconds(0),
    most: minutes(60),
    words: "0s to 1h",
  },
  deadline: {
    fallback: minutes(5),
    least: seconds(1),
    most: hours(24),
    words: "1s to 24h",
  },
  maxAge: {
    fallback: hours(90 * 24),
    least: minutes(1),
    most: hours(3650 * 24),
    words: "1m to 3650d",
  },
  writerIdle: {
    fallback: seconds(0),
    least: seconds(0),
    most: hours(7 * 24),
    words: "0s to 7d",
  },
  sessionIdle: {
    fallback: seconds(0),
    least: seconds(0),
    most: hours(7 * 24),
    words: "0s to 7d",
  },
  line: {
    fallback: seconds(0),
    least: seconds(0),
    most: seconds(10),
    words: "0s to 10s",
  },
  character: {
    fallback: seconds(0),
    least: seconds(0),
    most: seconds(1),
    words: "0s to 1s",
  },
  silence: {
    fallback: minutes(5),
    least: seconds(1),
    most: hours(24),
    words: "1s to 24h",
  },
  cooldown: {
    fallback: minutes(1),
    least: seconds(0),
    most: hours(24),
    words: "0s to 24h",
  },
  over: {
    fallback: seconds(0),
    least: seconds(0),
    most: hours(24),
    words: "0s to 24h",
  },
  for: {
    fallback: seconds(0),
    least: seconds(0),
    most: hours(7 * 24),
    words: "0s to 7d",
  },
  groupWithin: {
    fallback: seconds(30),
    least: seconds(0),
    most: minutes(60),
    words: "0s to 1h",
  },
  repeatAfter: {
    fallback: hours(4),
    least: seconds(0),
    most: hours(30 * 24),
    words: "0s to 30d",
  },
} as const satisfies Record<string, DurationRule>;

/** The span that a text of the file says, or the default. What is out of bounds is reported. */
export function readDuration(
  key: keyof typeof DURATIONS,
  text: string | undefined,
  path: SitePath,
  report: (path: SitePath, message: string) => void,
): Duration {
  const rule: DurationRule = DURATIONS[key];
  const span = text === undefined ? rule.fallback : parseDuration(text);
  if (span !== undefined && Number.isInteger(span) && span >= rule.least && span <= rule.most)
    return span;
  report([...path, key], `${quoted(text)} is out of bounds; expected ${rule.words}`);
  return rule.fallback;
}
