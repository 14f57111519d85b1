import type { Supply } from "@outrider/contracts/power";

/** One write that switches an outlet. */
export interface OutletWrite {
  readonly oid: string;
  readonly integer: number;
}

/**
 * How a make of PDU is spoken to. In an `oid` stand `{unit}` for a PDU among several that are linked, `{branch}` for its
 * cord, infeed or bank, and `{outlet}`.
 */
export interface PduProfile {
  /** What the outlet is, read back: never the object that it was told by, where there are two. */
  readonly stateOid: string;
  readonly states: Readonly<Record<number, Supply>>;
  readonly on: OutletWrite;
  readonly off: OutletWrite;
  /** Off and on again by the PDU itself. How long it stays off is set at the PDU. */
  readonly reboot?: OutletWrite;
  readonly draw?: { readonly oid: string; readonly stepWatts: number };
  /** What `{unit}` is for the first PDU, or one that is alone. Default 1. */
  readonly firstUnit?: number;
}

const APC = "1.3.6.1.4.1.318.1.1";
const RARITAN = "1.3.6.1.4.1.13742.6";
const SENTRY = "1.3.6.1.4.1.1718";
const EATON = "1.3.6.1.4.1.534.6.6.7.6";
const CYBERPOWER = "1.3.6.1.4.1.3808.1.1.3.3";

/** Most have one object for all that they can be told. */
function told(oid: string, on: number, off: number, reboot?: number) {
  return {
    on: { oid, integer: on },
    off: { oid, integer: off },
    ...(reboot === undefined ? {} : { reboot: { oid, integer: reboot } }),
  };
}

export const PDU_PROFILES = {
  /** APC MasterSwitch (PowerNet-MIB, sPDUOutletCtl). */
  "apc-masterswitch": {
    stateOid: `${APC}.4.4.2.1.3.{outlet}`,
    states: { 1: "On", 2: "Off" },
    ...told(`${APC}.4.4.2.1.3.{outlet}`, 1, 2, 3),
  },
  /** APC Switched Rack PDU, AP79xx (PowerNet-MIB, rPDUOutletControl). */
  "apc-rpdu": {
    stateOid: `${APC}.12.3.5.1.1.4.{outlet}`,
    states: { 1: "On", 2: "Off" },
    ...told(`${APC}.12.3.3.1.1.4.{outlet}`, 1, 2, 3),
  },
  /** APC Rack PDU 2G, AP84xx, AP86xx, AP89xx (PowerNet-MIB, rPDU2OutletSwitched). */
  "apc-rpdu2": {
    stateOid: `${APC}.26.9.2.3.1.5.{outlet}`,
    states: { 1: "Off", 2: "On" },
    ...told(`${APC}.26.9.2.4.1.5.{outlet}`, 1, 2, 3),
    draw: { oid: `${APC}.26.9.4.3.1.7.{outlet}`, stepWatts: 1 },
  },
  /** Raritan PX2, PX3 and Server Technology PX4 (PDU2-MIB, outletSwitchControl). */
  raritan: {
    stateOid: `${RARITAN}.4.1.2.1.3.{unit}.{outlet}`,
    states: { 7: "On", 8: "Off", 9: "PoweringOff" },
    ...told(`${RARITAN}.4.1.2.1.2.{unit}.{outlet}`, 1, 0, 2),
    // Sensor 5 is the active power.
    draw: { oid: `${RARITAN}.5.4.3.1.4.{unit}.{outlet}.5`, stepWatts: 1 },
  },
  /** Server Technology Sentry Switched CDU (Sentry3-MIB, outletControlAction). */
  sentry3: {
    stateOid: `${SENTRY}.3.2.3.1.5.{unit}.{branch}.{outlet}`,
    states: { 0: "Off", 1: "On", 2: "PoweringOff", 3: "PoweringOn", 4: "Off", 5: "On" },
    ...told(`${SENTRY}.3.2.3.1.11.{unit}.{branch}.{outlet}`, 1, 2, 3),
    draw: { oid: `${SENTRY}.3.2.3.1.14.{unit}.{branch}.{outlet}`, stepWatts: 1 },
  },
  /** Server Technology PRO1, PRO2 (Sentry4-MIB, st4OutletControlAction). */
  sentry4: {
    stateOid: `${SENTRY}.4.1.8.3.1.1.{unit}.{branch}.{outlet}`,
    states: { 1: "On", 2: "Off" },
    ...told(`${SENTRY}.4.1.8.5.1.2.{unit}.{branch}.{outlet}`, 1, 2, 3),
    draw: { oid: `${SENTRY}.4.1.8.3.1.7.{unit}.{branch}.{outlet}`, stepWatts: 1 },
  },
  /** Eaton ePDU G2 and G3 (EATON-EPDU-MIB, outletControl). */
  eaton: {
    stateOid: `${EATON}.6.1.2.{unit}.{outlet}`,
    states: { 0: "Off", 1: "On", 2: "PoweringOff", 3: "PoweringOn" },
    // Each is a delay in seconds.
    on: { oid: `${EATON}.6.1.4.{unit}.{outlet}`, integer: 0 },
    off: { oid: `${EATON}.6.1.3.{unit}.{outlet}`, integer: 0 },
    reboot: { oid: `${EATON}.6.1.5.{unit}.{outlet}`, integer: 0 },
    draw: { oid: `${EATON}.5.1.3.{unit}.{outlet}`, stepWatts: 1 },
    firstUnit: 0,
  },
  /** CyberPower ePDU (CPS-MIB, ePDUOutletControl). */
  cyberpower: {
    stateOid: `${CYBERPOWER}.5.1.1.4.{outlet}`,
    states: { 1: "On", 2: "Off" },
    ...told(`${CYBERPOWER}.3.1.1.4.{outlet}`, 1, 2, 3),
  },
} as const satisfies Record<string, PduProfile>;

export type PduProfileName = keyof typeof PDU_PROFILES;
