import { MEASUREMENTS, type FieldMeaning } from "@outrider/contracts/measurements";
import { isQuantity, QUANTITIES } from "@outrider/contracts/reading";
import { DEFAULT_ALARMS } from "@outrider/contracts/telemetry-policy";
import type { Look, Step, Words } from "./description.js";
import { grafanaUnit, isFlag } from "./units.js";

const GREEN = "green";
const AMBER = "orange";
const RED = "red";
const GREY = "#808080";

/** Colours of words; the same word has the same colour wherever it stands. */
export const WORD_COLORS: Readonly<Record<string, string>> = {
  On: GREEN,
  Off: "dark-blue",
  PoweringOn: "light-green",
  PoweringOff: "light-blue",
  Unknown: GREY,
  Running: GREEN,
  Halted: AMBER,
  Available: GREEN,
  Unavailable: RED,
  Alive: GREEN,
  Silent: RED,
  OK: GREEN,
  Warning: AMBER,
  Critical: RED,
  Cleared: GREEN,
  NotPresent: GREY,
  NoReading: AMBER,
  DeviceOff: "dark-blue",
  TimedOut: RED,
  Up: GREEN,
  Down: RED,
  yes: GREEN,
  no: RED,
};

/** Flags that are as they should be when they are set. Of all others the opposite is true. */
export const GOOD_FLAGS: ReadonlySet<string> = new Set(["linkUp", "powerGood", "diskHealthy"]);

/** Number and colour by which a flag that should not be set is shown; words of others are coloured by word. */
const BAD_FLAG: Words = { 0: { text: "no", color: GREEN }, 1: { text: "yes", color: RED } };

export function words(codes: NonNullable<FieldMeaning["codes"]>): Words {
  return Object.fromEntries(
    Object.entries(codes).map(([code, text]) => [code, { text, color: WORD_COLORS[text] ?? GREY }]),
  );
}

export function flagWords(quantity: string): Words {
  return GOOD_FLAGS.has(quantity) ? words({ 0: "no", 1: "yes" }) : BAD_FLAG;
}

/** How a field is shown everywhere, by what the contracts say of it. */
export function lookOf(
  measurement: keyof typeof MEASUREMENTS,
  field: string,
): Required<Pick<Look, "unit">> & Look {
  const fields: Readonly<Record<string, FieldMeaning>> = MEASUREMENTS[measurement].fields;
  const meaning = fields[field];
  if (!meaning) throw new TypeError(`${measurement} has no field ${field}`);
  const shownAs = meaning.codes
    ? words(meaning.codes)
    : isFlag(field)
      ? flagWords(field)
      : undefined;
  return {
    unit: grafanaUnit(meaning),
    ...(shownAs ? { words: shownAs } : {}),
    ...stepsOf(measurement, field),
  };
}

/** Where alarms that come with the product begin: the same limits colour the panels. */
function stepsOf(measurement: string, field: string): Pick<Look, "steps"> | undefined {
  if (measurement !== "node_sensor" || !isQuantity(field) || isFlag(field)) return undefined;
  const rule = Object.values(DEFAULT_ALARMS).find(
    (one) => "quantity" in one && one.quantity === field,
  );
  return rule && "upper" in rule ? { steps: steps(rule.upper) } : undefined;
}

/** Green, and from the limits on their colours. */
export function steps(limits: { readonly warning?: number; readonly critical?: number }): Step[] {
  return [
    { color: GREEN },
    ...(limits.warning === undefined ? [] : [{ from: limits.warning, color: AMBER }]),
    ...(limits.critical === undefined ? [] : [{ from: limits.critical, color: RED }]),
  ];
}

/** Quantities that are yes or no. */
export const FLAGS: readonly string[] = Object.keys(QUANTITIES).filter(isFlag);

/** The number that is stored for a word. */
export function codeOf(
  measurement: keyof typeof MEASUREMENTS,
  field: string,
  word: string,
): number {
  const fields: Readonly<Record<string, FieldMeaning>> = MEASUREMENTS[measurement].fields;
  const found = Object.entries(fields[field]?.codes ?? {}).find(([, text]) => text === word);
  if (!found) throw new TypeError(`${measurement}.${field} is never ${word}`);
  return Number(found[0]);
}
