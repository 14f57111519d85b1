/** Kinds of events, as regular expressions of the whole kind, by what they tell of. */
export const EVENT_KINDS = {
  power: "power.*",
  boot: "boot.*",
  alarm: "alarm.*",
  console: "console.*",
} as const;
