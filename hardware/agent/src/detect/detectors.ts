import { announcedServices } from "./announced-services.js";
import { boardSensors } from "./board-sensors.js";
import type { Detector } from "./detector.js";
import { gpioChips } from "./gpio-chips.js";
import { i2cChips } from "./i2c-chips.js";
import { poePorts } from "./poe-ports.js";
import { serialPorts } from "./serial-ports.js";

/** All that an agent can look for. One file each beside this one; who adds one adds a line here. */
export const DETECTORS: readonly Detector[] = [
  serialPorts,
  boardSensors,
  i2cChips,
  gpioChips,
  poePorts,
  announcedServices,
];
