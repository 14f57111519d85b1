import { QUANTITIES, type Quantity } from "@outrider/contracts/reading";

/** How Home Assistant shows what is measured. */
export interface QuantityEntity {
  /** `sensor` for a number, `binary_sensor` for yes or no. */
  readonly platform: "sensor" | "binary_sensor";
  /** Ends the entity's key, so it never changes. */
  readonly key: string;
  readonly name: string;
  readonly deviceClass?: string;
  readonly stateClass?: "measurement" | "total_increasing";
  /** In Home Assistant's spelling. */
  readonly unit?: string;
  readonly precision?: number;
  readonly icon?: string;
  /** Interesting to few: there, and switched off until somebody wants it. */
  readonly hidden?: boolean;
  /** Whether no is what is shown as on. */
  readonly inverted?: boolean;
}

const number = (rest: Omit<QuantityEntity, "platform" | "stateClass">): QuantityEntity => ({
  platform: "sensor",
  stateClass: "measurement",
  ...rest,
});
const flag = (rest: Omit<QuantityEntity, "platform">): QuantityEntity => ({
  platform: "binary_sensor",
  ...rest,
});
const trouble = (key: string, name: string, hidden = false): QuantityEntity =>
  flag({ key, name, deviceClass: "problem", ...(hidden ? { hidden } : {}) });

/** Every quantity that there is; a test sees to it that none is missing. */
const ENTITIES: Readonly<Partial<Record<string, QuantityEntity>>> = {
  voltageVolts: number({
    key: "voltage",
    name: "voltage",
    deviceClass: "voltage",
    unit: "V",
    precision: 2,
  }),
  shuntVoltageVolts: number({
    key: "shunt_voltage",
    name: "shunt voltage",
    deviceClass: "voltage",
    unit: "V",
    precision: 5,
    hidden: true,
  }),
  currentAmperes: number({
    key: "current",
    name: "current",
    deviceClass: "current",
    unit: "A",
    precision: 2,
  }),
  powerWatts: number({
    key: "power",
    name: "power",
    deviceClass: "power",
    unit: "W",
    precision: 1,
  }),
  energyWattHours: {
    platform: "sensor",
    stateClass: "total_increasing",
    key: "energy",
    name: "energy",
    deviceClass: "energy",
    unit: "Wh",
    precision: 0,
  },
  frequencyHertz: number({
    key: "frequency",
    name: "frequency",
    deviceClass: "frequency",
    unit: "Hz",
  }),
  powerFactor: number({
    key: "power_factor",
    name: "power factor",
    deviceClass: "power_factor",
    precision: 2,
  }),
  temperatureCelsius: number({
    key: "temperature",
    name: "temperature",
    deviceClass: "temperature",
    unit: "°C",
    precision: 1,
  }),
  relativeHumidityPercent: number({
    key: "humidity",
    name: "humidity",
    deviceClass: "humidity",
    unit: "%",
    precision: 0,
  }),
  fanRevolutionsPerMinute: number({
    key: "fan_speed",
    name: "fan speed",
    unit: "rpm",
    precision: 0,
    icon: "mdi:fan",
  }),
  fanDutyPercent: number({
    key: "fan_duty",
    name: "fan duty",
    unit: "%",
    precision: 0,
    icon: "mdi:fan",
  }),
  linkMegabitsPerSecond: number({
    key: "link_rate",
    name: "link rate",
    deviceClass: "data_rate",
    unit: "Mbit/s",
    precision: 0,
  }),
  load1m: number({ key: "load_1m", name: "load (1 min)", precision: 2, icon: "mdi:gauge" }),
  load5m: number({
    key: "load_5m",
    name: "load (5 min)",
    precision: 2,
    icon: "mdi:gauge",
    hidden: true,
  }),
  load15m: number({
    key: "load_15m",
    name: "load (15 min)",
    precision: 2,
    icon: "mdi:gauge",
    hidden: true,
  }),
  memoryTotalBytes: number({
    key: "memory_total",
    name: "memory",
    deviceClass: "data_size",
    unit: "B",
    precision: 0,
    icon: "mdi:memory",
    hidden: true,
  }),
  memoryAvailableBytes: number({
    key: "memory_available",
    name: "memory available",
    deviceClass: "data_size",
    unit: "B",
    precision: 0,
    icon: "mdi:memory",
  }),
  mediaLifeLeftPercent: number({
    key: "media_life_left",
    name: "media life left",
    unit: "%",
    precision: 0,
    icon: "mdi:harddisk",
  }),
  underVoltage: trouble("under_voltage", "under-voltage"),
  underVoltageOccurred: trouble("under_voltage_occurred", "under-voltage since boot", true),
  throttled: trouble("throttled", "throttled"),
  throttledOccurred: trouble("throttled_occurred", "throttled since boot", true),
  frequencyCapped: trouble("frequency_capped", "frequency capped"),
  softTemperatureLimit: trouble("soft_temperature_limit", "soft temperature limit"),
  linkUp: flag({ key: "link", name: "link", deviceClass: "connectivity" }),
  powerGood: flag({ key: "power_good", name: "power good", deviceClass: "power" }),
  // What is said is that it is well; what is shown is a problem.
  diskHealthy: { ...trouble("disk_failing", "disk failing"), inverted: true },
};

/** How a quantity is shown. One without an entry of its own is a plain number with its unit. */
export function entityOfQuantity(quantity: Quantity): QuantityEntity {
  const known = ENTITIES[quantity];
  if (known) return known;
  const { unit } = QUANTITIES[quantity];
  const words = quantity.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return number({
    key: words.replaceAll(" ", "_"),
    name: words,
    ...(unit === ("" as string) ? {} : { unit }),
  });
}

/** Whether a quantity has an entry of its own. */
export function hasEntity(quantity: string): boolean {
  return ENTITIES[quantity] !== undefined;
}
