/** What sensors measure, under one name from the driver to the dashboard; the name says the unit. */

/** Why there is no value. Never 0, never null. */
export const ABSENCES = ["NotPresent", "NoReading", "DeviceOff", "TimedOut"] as const;
/**
 * - `NotPresent`: nothing answers where the device should be.
 * - `NoReading`: the device answers and has no valid value of this.
 * - `DeviceOff`: what is measured is known to have no supply.
 * - `TimedOut`: the device did not answer in time, or the way to it is stuck.
 */
export type Absence = (typeof ABSENCES)[number];

export interface QuantityMeaning {
  /** As people write it (SI brochure, IEC 80000); empty for what is only yes or no. */
  readonly unit: string;
  /** What is outside is no value but a broken sensor. */
  readonly min: number;
  readonly max: number;
}

/** Yes is 1, no is 0. */
const FLAG = { unit: "", min: 0, max: 1 } as const;

/** Every quantity with its unit and its range. */
export const QUANTITIES = {
  voltageVolts: { unit: "V", min: -100, max: 1000 },
  shuntVoltageVolts: { unit: "V", min: -10, max: 10 },
  currentAmperes: { unit: "A", min: -1000, max: 1000 },
  powerWatts: { unit: "W", min: -100_000, max: 100_000 },
  energyWattHours: { unit: "Wh", min: 0, max: 1e12 },
  frequencyHertz: { unit: "Hz", min: 0, max: 1e11 },
  powerFactor: { unit: "", min: -1, max: 1 },
  temperatureCelsius: { unit: "°C", min: -60, max: 200 },
  relativeHumidityPercent: { unit: "%", min: 0, max: 100 },
  fanRevolutionsPerMinute: { unit: "rpm", min: 0, max: 100_000 },
  fanDutyPercent: { unit: "%", min: 0, max: 100 },
  linkMegabitsPerSecond: { unit: "Mbit/s", min: 0, max: 1e6 },
  /** Processes that run or wait to run, as the kernel averages them (proc(5), `/proc/loadavg`). */
  load1m: { unit: "", min: 0, max: 1e6 },
  load5m: { unit: "", min: 0, max: 1e6 },
  load15m: { unit: "", min: 0, max: 1e6 },
  memoryTotalBytes: { unit: "B", min: 0, max: 1e15 },
  /** What programs can have without swapping: `MemAvailable` of proc(5). */
  memoryAvailableBytes: { unit: "B", min: 0, max: 1e15 },
  /** What is left of the writes that a disk is made for (Redfish `PredictedMediaLifeLeftPercent`). */
  mediaLifeLeftPercent: { unit: "%", min: 0, max: 100 },
  underVoltage: FLAG,
  underVoltageOccurred: FLAG,
  throttled: FLAG,
  throttledOccurred: FLAG,
  frequencyCapped: FLAG,
  softTemperatureLimit: FLAG,
  linkUp: FLAG,
  powerGood: FLAG,
  /** No means that the disk says of itself that it fails, or soon will. */
  diskHealthy: FLAG,
} as const satisfies Record<string, QuantityMeaning>;
export type Quantity = keyof typeof QUANTITIES;

/** A name that a quantity may have: one that only a later version knows, too. */
export const QUANTITY_NAMES = /^[a-z][A-Za-z0-9]{0,63}$/;
/** The name of a quantity. */
export const QUANTITY_PATTERN = new RegExp(`^(${Object.keys(QUANTITIES).join("|")})$`);

export function isQuantity(text: string): text is Quantity {
  return Object.hasOwn(QUANTITIES, text);
}

/** What one look at a sensor gave: of each quantity its value, or why there is none. */
export type Sample = Readonly<Partial<Record<Quantity, number | Absence>>>;

/** What a living host was seen to do, weakest first; a stronger one implies the weaker only for the moment it was seen. */
export const PROOFS = ["link", "activity", "network", "port", "service", "system"] as const;
/**
 * What an answer proves of a host.
 * - `link`: its network port has a carrier. A halted machine may have one, too.
 * - `activity`: something drives a wire of it.
 * - `network`: its kernel answers ICMP echo. It does so long after its programs hang.
 * - `port`: its kernel accepts connections on a TCP port; the program behind it may hang.
 * - `service`: a program of it has answered in its protocol.
 * - `system`: a program on it says of itself that the system runs, with its boot.
 */
export type Proof = (typeof PROOFS)[number];
