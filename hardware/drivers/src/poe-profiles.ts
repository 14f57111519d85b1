/** Where switches say what a PoE port gives; RFC 3621 has no object for it. */
export interface PoeProfile {
  /** The column; group and port are appended. */
  readonly drawOid: string;
  /** What one step of it is, in milliwatts. */
  readonly stepMilliwatts: number;
  /** The column with the port's voltage, and how many of its steps are a volt. */
  readonly voltage?: { readonly oid: string; readonly stepsPerVolt: number };
  /** The column with what flows through the port, and how many of its steps are an ampere. */
  readonly current?: { readonly oid: string; readonly stepsPerAmpere: number };
}

export const POE_PROFILES = {
  /** Cisco IOS (CISCO-POWER-ETHERNET-EXT-MIB, cpeExtPsePortPwrConsumption). */
  cisco: {
    drawOid: "1.3.6.1.4.1.9.9.402.1.2.1.9",
    stepMilliwatts: 1,
  },
  /** Cisco SG and CBS (CISCOSB-POE-MIB, rlPethPsePortOutputPower). */
  "cisco-small-business": {
    drawOid: "1.3.6.1.4.1.9.6.1.101.108.1.1.5",
    stepMilliwatts: 1,
    voltage: { oid: "1.3.6.1.4.1.9.6.1.101.108.1.1.3", stepsPerVolt: 1000 },
    current: { oid: "1.3.6.1.4.1.9.6.1.101.108.1.1.4", stepsPerAmpere: 1000 },
  },
  /** HP ProCurve and Aruba (HP-ICF-POE-MIB, hpicfPoePethPsePortPower). */
  procurve: {
    drawOid: "1.3.6.1.4.1.11.2.14.11.1.9.1.1.1.3",
    stepMilliwatts: 1,
    voltage: { oid: "1.3.6.1.4.1.11.2.14.11.1.9.1.1.1.2", stepsPerVolt: 10 },
    current: { oid: "1.3.6.1.4.1.11.2.14.11.1.9.1.1.1.1", stepsPerAmpere: 1000 },
  },
  /** Netgear managed switches (NETGEAR-POWER-ETHERNET-MIB, agentPethOutputPower). */
  netgear: {
    drawOid: "1.3.6.1.4.1.4526.10.15.1.1.1.2",
    stepMilliwatts: 1,
    voltage: { oid: "1.3.6.1.4.1.4526.10.15.1.1.1.4", stepsPerVolt: 1 },
    current: { oid: "1.3.6.1.4.1.4526.10.15.1.1.1.3", stepsPerAmpere: 1000 },
  },
  /** Ubiquiti EdgeSwitch (EdgeSwitch-POWER-ETHERNET-MIB, agentPethOutputPower). */
  edgeswitch: {
    drawOid: "1.3.6.1.4.1.4413.1.1.15.1.1.1.2",
    stepMilliwatts: 1,
    voltage: { oid: "1.3.6.1.4.1.4413.1.1.15.1.1.1.4", stepsPerVolt: 1 },
    current: { oid: "1.3.6.1.4.1.4413.1.1.15.1.1.1.3", stepsPerAmpere: 1000 },
  },
} as const satisfies Record<string, PoeProfile>;

export type PoeProfileName = keyof typeof POE_PROFILES;
