/** What a device has said to somebody else, object by object, and where that was published. */
export interface RecordedTree {
  readonly source: string;
  /** Integers by their OID. */
  readonly objects: Readonly<Record<string, number>>;
  readonly writable: readonly string[];
}

const PETH = "1.3.6.1.2.1.105.1.1.1";
const CISCOSB = "1.3.6.1.4.1.9.6.1.101.108.1.1";
const PROCURVE = "1.3.6.1.4.1.11.2.14.11.1.9.1.1.1";
const APC = "1.3.6.1.4.1.318.1.1.12.3";
const RARITAN = "1.3.6.1.4.1.13742.6.4.1.2.1";
const EATON = "1.3.6.1.4.1.534.6.6.7.6";
const SENTRY4 = "1.3.6.1.4.1.1718.4.1.8";

/**
 * Rows of walks of real devices, transcribed. Objects that a walk left out are left out here; that an object can be
 * written is the MIB's word, and one that only can be written begins at a value of ours.
 */
export const RECORDED_TREES = {
  "poe-zyxel": {
    source:
      "Observium, includes/discovery/sensors/power-ethernet-mib.inc.php: walk of a ZyXEL switch, port 1.8",
    objects: {
      [`${PETH}.3.1.8`]: 1,
      [`${PETH}.6.1.8`]: 3,
      [`${PETH}.7.1.8`]: 3,
      [`${PETH}.10.1.8`]: 1,
    },
    writable: [`${PETH}.3.1.8`],
  },
  "poe-cisco-small-business": {
    source:
      "Observium, includes/discovery/sensors/power-ethernet-mib.inc.php: walk of a CISCOSB-POE-MIB, port 1.57; that it is on and delivers is ours",
    objects: {
      [`${PETH}.3.1.57`]: 1,
      [`${PETH}.6.1.57`]: 3,
      [`${CISCOSB}.3.1.57`]: 49_000,
      [`${CISCOSB}.4.1.57`]: 46,
      [`${CISCOSB}.5.1.57`]: 2100,
    },
    writable: [`${PETH}.3.1.57`],
  },
  "poe-procurve": {
    source:
      "Observium, includes/discovery/sensors/power-ethernet-mib.inc.php: walk of an HP-ICF-POE-MIB, port 1.2; that it is on and delivers is ours",
    objects: {
      [`${PETH}.3.1.2`]: 1,
      [`${PETH}.6.1.2`]: 3,
      [`${PROCURVE}.1.1.2`]: 37,
      [`${PROCURVE}.2.1.2`]: 499,
      [`${PROCURVE}.3.1.2`]: 1800,
    },
    writable: [`${PETH}.3.1.2`],
  },
  "apc-rpdu": {
    source: "Network UPS Tools, drivers/apc-pdu-mib.c: walk of an APC AP79xx, outlets 1 and 2",
    objects: { [`${APC}.5.1.1.4.1`]: 1, [`${APC}.5.1.1.4.2`]: 1, [`${APC}.3.1.1.4.1`]: 1 },
    writable: [`${APC}.3.1.1.4.1`],
  },
  raritan: {
    source:
      "Raritan, SNMP MIB User Guide for PX2 and PX3, 1.1 and 1.2: outlet 4 read as off, then cycled",
    objects: { [`${RARITAN}.3.1.4`]: 8, [`${RARITAN}.2.1.4`]: 2 },
    writable: [`${RARITAN}.2.1.4`],
  },
  eaton: {
    source:
      "Observium, includes/discovery/sensors/eaton-epdu-mib.inc.php: walk of an Eaton ePDU G3, outlet 0.2",
    objects: {
      [`${EATON}.5.1.2.0.2`]: 199,
      [`${EATON}.5.1.3.0.2`]: 177,
      [`${EATON}.6.1.2.0.2`]: 1,
      [`${EATON}.6.1.3.0.2`]: -1,
      [`${EATON}.6.1.4.0.2`]: -1,
      [`${EATON}.6.1.5.0.2`]: -1,
    },
    writable: [`${EATON}.6.1.3.0.2`, `${EATON}.6.1.4.0.2`],
  },
  sentry4: {
    source:
      "curtisbowden/checkmk_sentry4_pdu, sentry4_pdu_outlet.py: walk of a Server Technology PDU, outlets 1.1.1 and 2.1.1",
    objects: {
      [`${SENTRY4}.3.1.1.1.1.1`]: 1,
      [`${SENTRY4}.3.1.1.2.1.1`]: 1,
      [`${SENTRY4}.3.1.2.1.1.1`]: 0,
      [`${SENTRY4}.3.1.7.1.1.1`]: 0,
      [`${SENTRY4}.3.1.7.2.1.1`]: 0,
      [`${SENTRY4}.5.1.2.1.1.1`]: 0,
    },
    writable: [`${SENTRY4}.5.1.2.1.1.1`],
  },
} as const satisfies Record<string, RecordedTree>;
