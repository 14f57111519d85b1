/**
 * What switches and PDUs say by SNMP, by their MIBs. Drivers have tables of their own: what one of them misread in a
 * MIB does not agree with what was misread here.
 */

/** One port or outlet, as its device sees it. */
export interface OutletView {
  /** Whether it is told to be on. */
  readonly enabled: boolean;
  /** Whether it does give power. */
  readonly on: boolean;
  /** Told to be on, and has no power to give. */
  readonly denied: boolean;
  readonly drawWatts: number;
}

export interface Column {
  readonly read: (outlet: OutletView) => number;
  /** What writing a value asks for; undefined: a value that the MIB does not know. Missing: the column is read-only. */
  readonly write?: (value: number) => "on" | "off" | "reboot" | undefined;
}

export interface SnmpTable {
  /** The table; its entry is `.1` below it. */
  readonly oid: string;
  /** Objects of the index in front of the outlet's number: 1 each. */
  readonly before: number;
  readonly columns: Readonly<Record<number, Column>>;
}

const is =
  (on: number, off: number) =>
  ({ on: powered }: OutletView): number =>
    powered ? on : off;

const asks =
  (on: number, off: number, reboot?: number) =>
  (value: number): "on" | "off" | "reboot" | undefined => {
    if (value === on) return "on";
    if (value === off) return "off";
    return value === reboot ? "reboot" : undefined;
  };

/** RFC 3621: disabled 1, searching 2, deliveringPower 3. */
function detection({ enabled, on }: OutletView): number {
  if (on) return 3;
  return enabled ? 2 : 1;
}

export const SNMP_DIALECTS = {
  /** POWER-ETHERNET-MIB (RFC 3621), with Cisco's milliwatts (CISCO-POWER-ETHERNET-EXT-MIB). */
  poe: [
    {
      oid: "1.3.6.1.2.1.105.1.1",
      before: 1,
      columns: {
        3: { read: ({ enabled }) => (enabled ? 1 : 2), write: asks(1, 2) },
        6: { read: detection },
        // Class 4 is said as 5.
        10: { read: ({ on }) => (on ? 5 : 1) },
        12: { read: ({ denied }) => (denied ? 7 : 0) },
        13: { read: () => 0 },
        14: { read: () => 0 },
      },
    },
    {
      oid: "1.3.6.1.4.1.9.9.402.1.2",
      before: 1,
      columns: { 9: { read: ({ drawWatts }) => Math.round(drawWatts * 1000) } },
    },
  ],
  /** PowerNet-MIB, rPDU2OutletSwitchedStatus, …Control and …Metered. */
  "apc-rpdu2": [
    { oid: "1.3.6.1.4.1.318.1.1.26.9.2.3", before: 0, columns: { 5: { read: is(2, 1) } } },
    {
      oid: "1.3.6.1.4.1.318.1.1.26.9.2.4",
      before: 0,
      columns: { 5: { read: is(1, 2), write: asks(1, 2, 3) } },
    },
    {
      oid: "1.3.6.1.4.1.318.1.1.26.9.4.3",
      before: 0,
      columns: { 7: { read: ({ drawWatts }) => Math.round(drawWatts) } },
    },
  ],
  /** PDU2-MIB, outletSwitchControlTable. */
  raritan: [
    {
      oid: "1.3.6.1.4.1.13742.6.4.1.2",
      before: 1,
      columns: { 2: { read: is(1, 0), write: asks(1, 0, 2) }, 3: { read: is(7, 8) } },
    },
  ],
} as const satisfies Record<string, readonly SnmpTable[]>;

export type SnmpDialect = keyof typeof SNMP_DIALECTS;
