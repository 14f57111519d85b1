import { defineDriver } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";
import {
  SUPPLY_OFF,
  SUPPLY_ON,
  SUPPLY_UNKNOWN,
  type PowerPort,
  type PowerReading,
  type ReadOptions,
} from "@outrider/ports/power-port";
import type { SnmpDevice } from "@outrider/transports/snmp-device";
import { POE_PROFILES } from "../poe-profiles.js";
import { numberAt, snmpDevice } from "../snmp-options.js";
import {
  noSuchPoePort,
  POE_ADMIN,
  POE_DETECTION,
  POE_PORT_ENTRY,
  poePortRow,
  SnmpPoeOptions,
} from "../snmp-poe-port.js";

export const driver = defineDriver({
  port: "power",
  driver: "snmp-poe",
  summary: "A PoE port of a switch, by SNMP (RFC 3621): admin state, detection, class, and watts.",
  actions: ["On", "ForceOff", "PowerCycle"],
  options: SnmpPoeOptions,
  exclusive: ["host", "udpPort", "group", "port"],
  exclusiveDefaults: { udpPort: 161, group: 1 },
  network: "host",
  example: {
    options: { host: "10.0.0.2", port: 1, community: { file: "/etc/outrider/secrets/poe" } },
  },
  proof:
    "snmpd 5.9.3 with versions 1, 2c and 3 (SHA, SHA-256, SHA-512, AES) and snmpsim 1.2.2 with the walk of a ZyXEL switch; watts only against a simulated switch",
  open: async (options, context) =>
    new SnmpPoe(await snmpDevice(options, context, "The switch", "power/snmp-poe"), options),
});

/** pethMainPseEntry of POWER-ETHERNET-MIB (RFC 3621). */
const MAIN_ENTRY = "1.3.6.1.2.1.105.1.3.1.1";
const DETECTION: Readonly<Record<number, string>> = {
  1: "disabled",
  2: "searching",
  3: "deliveringPower",
  4: "fault",
  5: "test",
  6: "otherFault",
};

class SnmpPoe implements PowerPort {
  readonly native = {};
  readonly #row: string;
  readonly #admin: string;
  readonly #detection: string;
  readonly #class: string;
  readonly #draw: string | undefined;

  constructor(
    private readonly device: SnmpDevice,
    private readonly options: SnmpPoeOptions,
  ) {
    const { profile } = options;
    const { row, admin, detection } = poePortRow(options);
    this.#row = row;
    this.#admin = admin;
    this.#detection = detection;
    this.#class = `${POE_PORT_ENTRY}.10.${this.#row}`;
    this.#draw = profile && `${POE_PROFILES[profile].drawOid}.${this.#row}`;
  }

  async read(signal: AbortSignal, options?: ReadOptions): Promise<PowerReading> {
    const asked = [this.#admin, this.#detection, this.#class];
    if (this.#draw !== undefined) asked.push(this.#draw);
    const values = await this.device.get(asked, signal, options?.patience);
    const admin = numberAt(values, this.#admin);
    const detection = numberAt(values, this.#detection);
    if (admin === undefined && detection === undefined)
      throw noSuchPoePort(this.device.what, this.#row);
    if ((admin !== POE_ADMIN.on && admin !== POE_ADMIN.off) || detection === undefined) {
      throw new PortError(
        "protocol",
        `${this.#what}: its admin state reads ${admin ?? "nothing"} and its detection ${detection ?? "nothing"}, which RFC 3621 does not know. Look for a newer firmware of the switch.`,
      );
    }
    if (detection === POE_DETECTION.delivering) return this.#delivering(admin, values);
    if (admin === POE_ADMIN.off) {
      if (detection === POE_DETECTION.disabled) return SUPPLY_OFF;
      const problem = `${this.#what} is switched off and gives no power, yet its detection reads ${word(detection)}.`;
      return { ...SUPPLY_OFF, problem };
    }
    // Neither on nor off: there is no power now, and there will be as soon as the device at the port answers.
    const problem = `${this.#what} is switched on and gives no power: ${await this.#whyNot(detection, values, signal)}`;
    return { ...SUPPLY_UNKNOWN, problem: problem.slice(0, 500) };
  }

  async setSupply(on: boolean, signal: AbortSignal): Promise<void> {
    await this.device.set(
      [{ oid: this.#admin, integer: on ? POE_ADMIN.on : POE_ADMIN.off }],
      signal,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.device[Symbol.dispose]();
  }

  get #what(): string {
    return `${this.device.what}, PoE port ${this.#row}`;
  }

  #delivering(admin: number, values: Values): PowerReading {
    const step = this.options.profile && POE_PROFILES[this.options.profile].stepMilliwatts;
    const draw = numberAt(values, this.#draw);
    return {
      ...SUPPLY_ON,
      ...(draw === undefined || step === undefined ? {} : { drawWatts: (draw * step) / 1000 }),
      ...(admin === POE_ADMIN.off
        ? {
            problem: `${this.#what} was switched off and still gives power. Read again; if it stays so, restart the switch.`,
          }
        : {}),
    };
  }

  /** Detection, counters and budget, as far as the switch has them, and what to do. */
  async #whyNot(detection: number, values: Values, signal: AbortSignal): Promise<string> {
    const group = String(this.options.group ?? 1);
    const denied = `${POE_PORT_ENTRY}.12.${this.#row}`;
    const overload = `${POE_PORT_ENTRY}.13.${this.#row}`;
    const short = `${POE_PORT_ENTRY}.14.${this.#row}`;
    const budget = `${MAIN_ENTRY}.2.${group}`;
    const drawn = `${MAIN_ENTRY}.4.${group}`;
    const asked = [denied, overload, short, budget, drawn];
    // Only explains: what cannot be had is left out.
    const more: Values = await this.device.get(asked, signal).catch((error: unknown) => {
      if (error instanceof PortError) return new Map<string, undefined>();
      throw error;
    });
    const counted = (oid: string): number => numberAt(more, oid) ?? 0;
    const told = [`its detection reads ${word(detection)}`];
    const classified = numberAt(values, this.#class);
    if (classified !== undefined) told.push(`class ${classified - 1}`);
    if (counted(denied) > 0) told.push(`power denied ${counted(denied)} times`);
    if (counted(overload) > 0) told.push(`overloaded ${counted(overload)} times`);
    if (counted(short) > 0) told.push(`shorted ${counted(short)} times`);
    if (more.get(budget) !== undefined) {
      told.push(`the switch gives ${counted(drawn)} W of ${counted(budget)} W`);
    }
    return `${told.join(", ")}. ${advice(detection, counted(denied) > 0)}`;
  }
}

type Values = ReadonlyMap<string, number | string | Buffer | undefined>;

function word(detection: number): string {
  return DETECTION[detection] ?? String(detection);
}

function advice(detection: number, denied: boolean): string {
  if (denied) return "Free some of the switch's PoE budget, or raise the port's priority.";
  if (detection === POE_DETECTION.searching || detection === POE_DETECTION.disabled) {
    return "Nothing there asks for power: look at the cable and at the node's PoE hat.";
  }
  return "Look at the switch's own log; switch the port off and on once the cause is gone.";
}
