import type { ServiceName } from "@outrider/contracts/ids";
import { foldNodes } from "@outrider/contracts/node-set";
import type { AlarmRule } from "@outrider/contracts/telemetry-policy";
import { QUANTITIES, type Absence, type Quantity } from "@outrider/contracts/reading";
import type { AlarmSeverity } from "@outrider/contracts/telemetry";
import type { DeliveryProblem } from "../notify/channel-queue.js";
import type { StoreHealth } from "../store/store.js";
import type { DroppedReadings } from "../telemetry-listener.js";

/** What alarms say, for people. */

/** A limit that a value is beyond. */
export interface Passed {
  readonly limit: number;
  readonly side: "upper" | "lower";
}

/** The limit of a severity that a value is beyond or has not come back from; the nearer one where it is neither. */
export function limitOf(
  { upper, lower }: Pick<AlarmRule, "upper" | "lower">,
  severity: AlarmSeverity,
  value: number,
): Passed | undefined {
  const level = severity === "Critical" ? "critical" : "warning";
  const [high, low] = [upper?.[level], lower?.[level]];
  if (high === undefined) return low === undefined ? undefined : { limit: low, side: "lower" };
  if (low === undefined || high - value < value - low) return { limit: high, side: "upper" };
  return { limit: low, side: "lower" };
}

/** `87.2 °C`, `11,532 rpm` */
export function withUnit(value: number, unit: string): string {
  const digits = Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
  return unit === "" ? digits : `${digits} ${unit}`;
}

/** `temperature Celsius` → `temperature`: the unit stands beside the number. */
export function quantityWords(quantity: Quantity): string {
  const words = quantity.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return words.replace(UNIT_WORDS, "");
}
const UNIT_WORDS =
  / (volts|amperes|watts|watt hours|hertz|celsius|percent|revolutions per minute|megabits per second|bytes|seconds|milliseconds|hours)$/;

export function thresholdWords(
  sensor: string,
  quantity: Quantity,
  severity: AlarmSeverity,
  value: number,
  passed: Passed | undefined,
): string {
  const { unit, min, max } = QUANTITIES[quantity];
  const what = `${quantityWords(quantity)} of ${sensor}`;
  if (unit === "" && min === 0 && max === 1) return `${what} is ${value >= 0.5 ? "yes" : "no"}`;
  return `${what} is ${withUnit(value, unit)}${limitWords(severity, passed, unit)}`;
}

export function rateWords(
  sensor: string,
  quantity: Quantity,
  severity: AlarmSeverity,
  rate: number,
  passed: Passed | undefined,
  per: "minute" | "hour",
): string {
  const { unit } = QUANTITIES[quantity];
  const how = rate < 0 ? "falls" : "rises";
  return `${quantityWords(quantity)} of ${sensor} ${how} by ${withUnit(Math.abs(rate), unit)} in a ${per}${limitWords(severity, passed, unit)}`;
}

/** @param since RFC 3339: words with an age would be others every minute */
export function missingWords(sensor: string, since: string, why: Absence | undefined): string {
  return `no reading of ${sensor} since ${since}${why === undefined ? "" : `: ${why}`}`;
}

/** @param why as the device or the console says it */
export function panicWords(why: string): string {
  return `it has died and does nothing until it is restarted: ${why}`.slice(0, 1000);
}

/** @param why as the device or the agent says it, with what to do */
export function supplyWords(forMs: number, why: string | undefined): string {
  const since = forMs === 0 ? "" : ` for ${spanWords(forMs)}`;
  const what = why ?? "nothing has read it; look at what gives it, and at the way there";
  return `it is not known${since} whether it has supply: ${what}`.slice(0, 1000);
}

/** What is not there without a service. */
const WITHOUT: Readonly<Record<ServiceName, string>> = {
  inventory: "the site cannot be changed, and nothing can be locked",
  power: "nothing can be switched, and no supply is known",
  console: "no console can be seen or typed at; agents keep what comes meanwhile",
  boot: "no machine can start from the network",
  telemetry: "nothing is watched",
  gateway: "neither the page nor the API answers",
  "home-assistant": "Home Assistant shows and switches nothing",
};

/** @param name of a service; a later version may have others */
export function serviceWords(name: string, forMs: number): string {
  const since = forMs === 0 ? "" : ` for ${spanWords(forMs)}`;
  const without = Object.hasOwn(WITHOUT, name) ? `: ${WITHOUT[name as ServiceName]}` : "";
  return `not there${since}${without}; look at its process, its host and its log`;
}

export function clockWords(agent: string, offsetSeconds: number): string {
  const how = offsetSeconds > 0 ? "ahead" : "behind";
  return `the clock of agent ${agent} is ${withUnit(Math.abs(offsetSeconds), "s")} ${how}; set it, by NTP at best`;
}

export function awayWords(nodes: readonly string[], forMs: number): string {
  const since = forMs === 0 ? "" : ` for ${spanWords(forMs)}`;
  const folded = foldNodes(nodes);
  const set = folded.length > 300 ? `${folded.slice(0, 297)}...` : folded;
  const who = nodes.length === 0 ? "what hangs on it" : set;
  return `not connected${since}: ${who} cannot be seen or switched; look at the agent's host, its supply and its network`;
}

/** @param losses one of each kind */
export function lossWords(losses: readonly DroppedReadings[]): string {
  const each = losses.map(({ readings, since, until, why }) => {
    const count = readings === 1 ? "a reading is" : `${readings} readings are`;
    const how =
      why ?? "the agent had no room for more; give it more room, or look why it was away so long";
    return `${count} lost, of ${since} to ${until}: ${how}`;
  });
  return each.join(". And ").slice(0, 1000);
}

export function storeLossWords({
  droppedPoints,
  latePoints = 0,
  refusedPoints,
  detail,
}: Pick<StoreHealth, "droppedPoints" | "latePoints" | "refusedPoints" | "detail">): string {
  const given = droppedPoints - latePoints;
  const how = [
    ...(given > 0
      ? [`${given} because the spool was full or the database refused them for good`]
      : []),
    ...(latePoints > 0
      ? [
          `${latePoints} because they came so late that only means of their hours are kept, to which nothing can be added: of more than 31 days ago, or of hours that had to make room for newer ones`,
        ]
      : []),
    ...(refusedPoints > 0
      ? [`${refusedPoints} because they were not valid or of a series too many`]
      : []),
  ].join(", ");
  // Of what comes too late the log says nothing.
  const isLogged = given > 0 || refusedPoints > 0;
  const more = detail ?? (isLogged ? "the log of the telemetry service says more" : undefined);
  const told = `what is measured is lost, points so far: ${how}`;
  return `${told}${more === undefined ? "" : `; ${more}`}`.slice(0, 1000);
}

/** @param problems there is one at least */
export function deliveryWords(problems: readonly DeliveryProblem[]): string {
  const each = problems.map(({ channel, since, messages, detail }) => {
    const count = messages === 1 ? "a message" : `${messages} messages`;
    return `channel ${channel} has not taken ${count} since ${since}${detail === undefined ? "" : ` (${detail})`}`;
  });
  return `${each.join("; ")}; nobody was told by it. It is told of what it missed when it takes messages again`.slice(
    0,
    1000,
  );
}

export function budgetWords({
  domain,
  mean,
  budgetWatts,
  overMs,
  isLeast,
  unmeasured,
}: {
  readonly domain: string;
  /** In watts. */
  readonly mean: number;
  readonly budgetWatts: number;
  readonly overMs: number;
  /** Whether it may be more. */
  readonly isLeast: boolean;
  readonly unmeasured: string | undefined;
}): string {
  const of =
    overMs === 0
      ? ""
      : ` in the mean of ${spanWords(overMs)} (${withUnit((mean * overMs) / 3_600_000, "Wh")})`;
  const percent = withUnit((mean / budgetWatts) * 100, "%");
  const why = unmeasured ?? `not all nodes have been measured for so long`;
  return [
    `power domain ${domain} draws ${isLeast ? "at least " : ""}${withUnit(mean, "W")}${of}`,
    `, ${percent} of its budget of ${withUnit(budgetWatts, "W")}`,
    isLeast ? `; ${why}, and this alarm does not end before that` : "",
  ].join("");
}

/** @param nodes that were measured before */
export function unmeasuredWords(nodes: readonly string[]): string {
  const folded = foldNodes(nodes);
  const set = folded.length > 300 ? `${folded.slice(0, 297)}...` : folded;
  return `nothing is known of ${set} until it is measured again`;
}

/** All that is measured may not have been heard yet. */
export const JUST_STARTED = "the telemetry service has just started and waits to hear of all nodes";

/** `90 s`, `5 min`, `3 h`, `2 d` */
export function spanWords(ms: number): string {
  if (ms < 120_000) return `${Math.round(ms / 1000)} s`;
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 172_800_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} d`;
}

function limitWords(severity: AlarmSeverity, passed: Passed | undefined, unit: string): string {
  if (!passed) return "";
  return `; its ${passed.side} ${severity.toLowerCase()} limit is ${withUnit(passed.limit, unit)}`;
}
