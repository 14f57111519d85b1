import { ExactlyOne, Integer, Nested, OneOf, Optional } from "@outrider/contracts/decorators";
import { defineDriver } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";
import {
  SUPPLY_OFF,
  SUPPLY_ON,
  type PowerPort,
  type PowerReading,
  type ReadOptions,
} from "@outrider/ports/power-port";
import { seconds } from "@outrider/ports/time";
import type { SnmpDevice } from "@outrider/transports/snmp-device";
import { Matches } from "class-validator";
import {
  PDU_PROFILES,
  type OutletWrite,
  type PduProfile,
  type PduProfileName,
} from "../pdu-profiles.js";
import { numberAt, snmpDevice, SnmpOptions } from "../snmp-options.js";

const OID = /^1\.[0-3](\.\d{1,10}|\.\{(unit|branch|outlet)\}){2,40}$/;

/** A PDU that no profile knows, in the words of its MIB. In an OID stand `{unit}`, `{branch}` and `{outlet}`. */
export class OwnPduProfile {
  /** The object that says what the outlet is. */
  @Matches(OID)
  stateOid!: string;
  /** What it reads when the outlet is on. */
  @Integer(-2_147_483_648, 2_147_483_647)
  stateOn!: number;
  /** What it reads when the outlet is off. */
  @Integer(-2_147_483_648, 2_147_483_647)
  stateOff!: number;
  /** The object that the outlet is told by, an INTEGER. */
  @Matches(OID)
  controlOid!: string;
  /** What switches on. */
  @Integer(-2_147_483_648, 2_147_483_647)
  on!: number;
  /** What switches off. */
  @Integer(-2_147_483_648, 2_147_483_647)
  off!: number;
}

/** An outlet of a power distribution unit. */
export class SnmpPduOptions extends SnmpOptions {
  /** The make of the PDU. */
  @Optional()
  @OneOf(Object.keys(PDU_PROFILES))
  profile?: PduProfileName;
  /** For a PDU that is not among the profiles. */
  @Optional()
  @Nested(() => OwnPduProfile)
  @ExactlyOne("profile", "own")
  own?: OwnPduProfile;
  /** The outlet's number in the PDU's table. */
  @Integer(1, 10_000)
  outlet!: number;
  /** The PDU among several that are linked; counts from 1 with every make. Default: the first. */
  @Optional()
  @Integer(1, 1000)
  unit?: number;
  /** Cord, infeed or bank, where outlets are counted by them (`sentry3`, `sentry4`). Default 1. */
  @Optional()
  @Integer(1, 1000)
  branch?: number;
  /**
   * Given, a power cycle is one request that the PDU finishes even if the agent dies; missing, the agent switches off,
   * sees it off, and switches on. How long the outlet stays off then is set at the PDU: the number is for people.
   */
  @Optional()
  @Integer(1, 8)
  rebootSeconds?: number;
}

export const driver = defineDriver({
  port: "power",
  driver: "snmp-pdu",
  summary:
    "An outlet of a PDU, by SNMP: APC, Raritan, Sentry, Eaton, CyberPower, or any by its own OIDs.",
  actions: ["On", "ForceOff", "PowerCycle"],
  options: SnmpPduOptions,
  exclusive: ["host", "udpPort", "unit", "branch", "outlet"],
  exclusiveDefaults: { udpPort: 161, unit: 1, branch: 1 },
  network: "host",
  example: {
    options: {
      host: "10.0.0.3",
      profile: "apc-rpdu2",
      outlet: 4,
      community: { file: "/etc/outrider/secrets/pdu" },
    },
  },
  proof:
    "snmpsim 1.2.2 with rows of walks: apc-rpdu, eaton, sentry4; with those of the maker's guide: raritan. Unproven: apc-masterswitch, apc-rpdu2, sentry3, cyberpower, and every reboot of its own",
  open: async (options, context) => {
    const { rebootSeconds } = options;
    const profile = profileOf(options);
    if (rebootSeconds !== undefined && profile.reboot === undefined) {
      throw new PortError(
        "invalid-options",
        "The option rebootSeconds of the driver power/snmp-pdu: this PDU has no reboot of its own. Leave it out in the site file.",
      );
    }
    const device = await snmpDevice(options, context, "The PDU", "power/snmp-pdu");
    return new SnmpPdu(device, options, profile);
  },
});

class SnmpPdu implements PowerPort {
  readonly native: PowerPort["native"];
  /** Before a cycle it is read. */
  readonly answersWithin = { act: seconds(13) };

  constructor(
    private readonly device: SnmpDevice,
    private readonly options: SnmpPduOptions,
    private readonly profile: PduProfile,
  ) {
    const { reboot } = profile;
    const { rebootSeconds } = options;
    this.native =
      reboot === undefined || rebootSeconds === undefined
        ? {}
        : { PowerCycle: (signal) => this.#cycle(reboot, signal) };
  }

  async read(signal: AbortSignal, options?: ReadOptions): Promise<PowerReading> {
    const { stateOid, states, draw } = this.profile;
    const state = this.#oid(stateOid);
    const drawn = draw && this.#oid(draw.oid);
    const asked = drawn === undefined ? [state] : [state, drawn];
    const values = await this.device.get(asked, signal, options?.patience);
    const read = numberAt(values, state);
    if (read === undefined) throw this.#noSuchOutlet(state);
    const supply = states[read] ?? "Unknown";
    if (supply === "Off") return SUPPLY_OFF;
    const watts = numberAt(values, drawn);
    return {
      ...SUPPLY_ON,
      supply,
      // Negative: a PDU that cannot measure it.
      ...(draw === undefined || watts === undefined || watts < 0
        ? {}
        : { drawWatts: watts * draw.stepWatts }),
      ...(states[read] === undefined
        ? {
            problem: `${this.#what} reads ${read}, which is neither on nor off in its MIB. Look at the PDU; its own page says what is wrong with the outlet.`,
          }
        : {}),
    };
  }

  setSupply(on: boolean, signal: AbortSignal): Promise<void> {
    return this.#write(on ? this.profile.on : this.profile.off, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.device[Symbol.dispose]();
  }

  get #what(): string {
    return `${this.device.what}, outlet ${this.options.outlet}`;
  }

  async #cycle(reboot: OutletWrite, signal: AbortSignal): Promise<void> {
    if ((await this.read(signal)).supply === "Off") {
      throw new PortError(
        "refused",
        `${this.#what}: the supply is off, so there is nothing to cycle. Switch On.`,
      );
    }
    await this.#write(reboot, signal);
  }

  #write({ oid, integer }: OutletWrite, signal: AbortSignal): Promise<void> {
    return this.device.set([{ oid: this.#oid(oid), integer }], signal);
  }

  #oid(template: string): string {
    const { branch = 1, outlet } = this.options;
    const unit = (this.options.unit ?? 1) - 1 + (this.profile.firstUnit ?? 1);
    const numbers: Readonly<Record<string, number>> = { unit, branch, outlet };
    return template.replaceAll(/\{(\w+)\}/g, (_, name: string) => String(numbers[name]));
  }

  #noSuchOutlet(oid: string): PortError {
    return new PortError(
      "invalid-options",
      `${this.device.what} has no ${oid}: correct the option outlet (or unit, branch, profile) in the site file. A PDU that is metered only, or one that hides the table from this community or user, has none either.`,
    );
  }
}

function profileOf({ profile, own }: SnmpPduOptions): PduProfile {
  if (profile !== undefined) return PDU_PROFILES[profile];
  // The schema demands one of the two.
  const { stateOid, stateOn, stateOff, controlOid, on, off } = own as OwnPduProfile;
  return {
    stateOid,
    states: { [stateOn]: "On", [stateOff]: "Off" },
    on: { oid: controlOid, integer: on },
    off: { oid: controlOid, integer: off },
  };
}
