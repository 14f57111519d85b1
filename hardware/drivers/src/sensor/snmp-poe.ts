import { QUANTITIES, type Absence, type Quantity, type Sample } from "@outrider/contracts/reading";
import { defineDriver } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";
import type { SensorPort } from "@outrider/ports/sensor-port";
import type { SnmpDevice } from "@outrider/transports/snmp-device";
import { POE_PROFILES, type PoeProfile } from "../poe-profiles.js";
import { numberAt, snmpDevice } from "../snmp-options.js";
import {
  noSuchPoePort,
  POE_ADMIN,
  POE_DETECTION,
  poePortRow,
  SnmpPoeOptions,
} from "../snmp-poe-port.js";

export const driver = defineDriver({
  port: "sensor",
  driver: "snmp-poe",
  summary:
    "What a PoE port of a switch gives, by SNMP: whether it does, and by profile watts, volts and amperes.",
  actions: [],
  options: SnmpPoeOptions,
  example: {
    options: {
      host: "10.0.0.2",
      port: 1,
      community: { file: "/etc/outrider/secrets/poe" },
      profile: "procurve",
    },
  },
  proof:
    "snmpsim 1.2.2 with rows of walks: cisco-small-business, procurve, and a ZyXEL switch without profile. Unproven: netgear, edgeswitch; cisco only against a simulated switch",
  open: async (options, context) =>
    // By the name that power/snmp-poe has for it, so that both share one connection and one exchange.
    new SnmpPoeSensor(await snmpDevice(options, context, "The switch", "sensor/snmp-poe"), options),
});

/** A quantity, the object that says it, and how many of its steps are one. */
interface Column {
  readonly quantity: Quantity;
  readonly oid: string;
  readonly stepsPerUnit: number;
}

class SnmpPoeSensor implements SensorPort {
  readonly quantities: readonly Quantity[];
  readonly #columns: readonly Column[];

  constructor(
    private readonly device: SnmpDevice,
    private readonly options: SnmpPoeOptions,
  ) {
    const { profile } = options;
    const { row } = poePortRow(options);
    this.#columns = profile === undefined ? [] : columnsOf(POE_PROFILES[profile], row);
    this.quantities = ["powerGood", ...this.#columns.map(({ quantity }) => quantity)];
  }

  async read(signal: AbortSignal): Promise<Sample> {
    const { row, admin, detection } = poePortRow(this.options);
    const asked = [admin, detection, ...this.#columns.map(({ oid }) => oid)];
    const values = await this.device.get(asked, signal);
    const told = numberAt(values, admin);
    const seen = numberAt(values, detection);
    if (told === undefined && seen === undefined) throw noSuchPoePort(this.device.what, row);
    if (seen === undefined) {
      throw new PortError(
        "protocol",
        `${this.device.what}, PoE port ${row}: its detection reads nothing, which RFC 3621 does not know. Look for a newer firmware of the switch.`,
      );
    }
    const delivering = seen === POE_DETECTION.delivering;
    // Some switches keep the last values of a port that gives nothing any more.
    const absence = told === POE_ADMIN.off ? "DeviceOff" : "NoReading";
    return {
      powerGood: delivering ? 1 : 0,
      ...Object.fromEntries(
        this.#columns.map((column) => [
          column.quantity,
          delivering ? measured(column, numberAt(values, column.oid)) : absence,
        ]),
      ),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.device[Symbol.dispose]();
  }
}

function columnsOf(profile: PoeProfile, row: string): Column[] {
  const { drawOid, stepMilliwatts, voltage, current } = profile;
  const columns: Column[] = [
    { quantity: "powerWatts", oid: `${drawOid}.${row}`, stepsPerUnit: 1000 / stepMilliwatts },
  ];
  if (voltage) {
    const { oid, stepsPerVolt } = voltage;
    columns.push({ quantity: "voltageVolts", oid: `${oid}.${row}`, stepsPerUnit: stepsPerVolt });
  }
  if (current) {
    const { oid, stepsPerAmpere } = current;
    columns.push({
      quantity: "currentAmperes",
      oid: `${oid}.${row}`,
      stepsPerUnit: stepsPerAmpere,
    });
  }
  return columns;
}

/** Some makes have millivolts where their MIB says volts: what cannot be is no value. */
function measured({ quantity, stepsPerUnit }: Column, read: number | undefined): number | Absence {
  if (read === undefined) return "NoReading";
  const value = read / stepsPerUnit;
  const { max } = QUANTITIES[quantity];
  return value < 0 || value > max ? "NoReading" : value;
}
