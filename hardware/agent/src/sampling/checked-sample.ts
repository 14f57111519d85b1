import type { EndpointReading } from "@outrider/contracts/reading-report";
import {
  QUANTITIES,
  isQuantity,
  type Absence,
  type Quantity,
  type Sample,
} from "@outrider/contracts/reading";
import type { PortError } from "@outrider/ports/port-error";
import { absenceOf } from "@outrider/ports/sensor-port";

/** What is said of a sample, but for whose it is and when it was taken. */
export type Said = Pick<EndpointReading, "values" | "absent" | "heartbeat" | "problem">;

/**
 * A sample as it may be told: every quantity that the sensor measures is there, and a value that no such thing can
 * have is none. Pure.
 */
export function checkedSample(quantities: readonly Quantity[], sample: Sample): Said {
  const values: Partial<Record<Quantity, number>> = {};
  const absent: Partial<Record<Quantity, Absence>> = {};
  const problems: string[] = [];
  for (const quantity of new Set([...quantities, ...Object.keys(sample).filter(isQuantity)])) {
    const value = sample[quantity];
    const { min, max, unit } = QUANTITIES[quantity];
    if (typeof value === "string") absent[quantity] = value;
    else if (value !== undefined && value >= min && value <= max) values[quantity] = value;
    else {
      absent[quantity] = "NoReading";
      if (value !== undefined) {
        problems.push(
          `${quantity} was ${value} ${unit}, which is outside ${min} to ${max}; look at the sensor.`,
        );
      }
    }
  }
  return {
    ...(Object.keys(values).length > 0 ? { values } : {}),
    ...(Object.keys(absent).length > 0 ? { absent } : {}),
    ...(problems.length > 0 ? { problem: problems.join(" ").slice(0, 500) } : {}),
  };
}

/** What is said of a sensor whose device failed: why there is no value of anything. Pure. */
export function failedSample(quantities: readonly Quantity[], { code, message }: PortError): Said {
  const absence = absenceOf(code);
  return {
    absent: Object.fromEntries(quantities.map((quantity) => [quantity, absence])),
    problem: message.slice(0, 500),
  };
}
