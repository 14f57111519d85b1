/** Where switches say what a PoE port draws; RFC 3621 has no object for it. */
export interface PoeProfile {
  /** What it is for, as people know it. */
  readonly title: string;
  /** The column; group and port are appended. */
  readonly drawOid: string;
  /** What one step of it is, in milliwatts. */
  readonly stepMilliwatts: number;
}

export const POE_PROFILES = {
  cisco: {
    title: "Cisco IOS (CISCO-POWER-ETHERNET-EXT-MIB, cpeExtPsePortPwrConsumption)",
    drawOid: "1.3.6.1.4.1.9.9.402.1.2.1.9",
    stepMilliwatts: 1,
  },
  "cisco-small-business": {
    title: "Cisco SG and CBS (CISCOSB-POE-MIB, rlPethPsePortOutputPower)",
    drawOid: "1.3.6.1.4.1.9.6.1.101.108.1.1.5",
    stepMilliwatts: 1,
  },
  procurve: {
    title: "HP ProCurve and Aruba (HP-ICF-POE-MIB, hpicfPoePethPsePortPower)",
    drawOid: "1.3.6.1.4.1.11.2.14.11.1.9.1.1.1.3",
    stepMilliwatts: 1,
  },
  netgear: {
    title: "Netgear managed switches (NETGEAR-POWER-ETHERNET-MIB, agentPethOutputPower)",
    drawOid: "1.3.6.1.4.1.4526.10.15.1.1.1.2",
    stepMilliwatts: 1,
  },
  edgeswitch: {
    title: "Ubiquiti EdgeSwitch (EdgeSwitch-POWER-ETHERNET-MIB, agentPethOutputPower)",
    drawOid: "1.3.6.1.4.1.4413.1.1.15.1.1.1.2",
    stepMilliwatts: 1,
  },
} as const satisfies Record<string, PoeProfile>;

export type PoeProfileName = keyof typeof POE_PROFILES;
