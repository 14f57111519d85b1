import { PortError } from "@outrider/ports/port-error";
import type { SnmpDevice } from "@outrider/transports/snmp-device";
import type { SnmpValue } from "@outrider/transports/snmp-session";
import { POE_DETECTION, POE_PORT_ENTRY } from "./snmp-poe-port.js";

/** A port of a switch's PoE table that a machine seems to hang on. */
export interface PoePortProposal {
  /** As it was asked for. */
  readonly mac: string;
  /** Index of the port in POWER-ETHERNET-MIB. */
  readonly group: number;
  readonly port: number;
  /** The interface's name, as the switch prints it. */
  readonly interfaceName: string;
  /** `high`: two independent ways agree, or one that leaves no choice. `low`: something speaks against it. */
  readonly confidence: "high" | "medium" | "low";
  /** A sentence or two: where the machine was seen, and how its PoE port was concluded. */
  readonly why: string;
}

export interface PoePortFindings {
  /** The switch with its address, as messages name it. */
  readonly what: string;
  /** Rows of its PoE table. */
  readonly ports: number;
  /** How many addresses it has learned. */
  readonly addresses: number;
  readonly proposals: readonly PoePortProposal[];
  /** MACs that were seen on an interface to which no row of the PoE table belongs. */
  readonly withoutPoe: readonly { readonly mac: string; readonly interfaceName: string }[];
  /** MACs that the switch has not seen: the machine is off, silent for minutes, or elsewhere. */
  readonly unseen: readonly string[];
}

const BASE_PORT_IF_INDEX = "1.3.6.1.2.1.17.1.4.1.2";
const FDB_PORT = "1.3.6.1.2.1.17.4.3.1.2";
const VLAN_FDB_PORT = "1.3.6.1.2.1.17.7.1.2.2.1.2";
const IF_NAME = "1.3.6.1.2.1.31.1.1.1.1";
const IF_DESCR = "1.3.6.1.2.1.2.2.1.2";
const DETECTION = `${POE_PORT_ENTRY}.6`;
const LLDP_LOCAL_PORT_ID = "1.0.8802.1.1.2.1.3.7.1.3";
const LLDP_REMOTE = "1.0.8802.1.1.2.1.4.1.1";
const LLDP_CHASSIS_ID = 5;
const LLDP_PORT_ID = 7;
/** More machines than this behind one port, and it is a way to another switch. */
const UPLINK_MACHINES = 4;

type Table = ReadonlyMap<string, SnmpValue>;

/**
 * Finds the PoE ports of machines by their MAC addresses, from the switch's table of addresses (BRIDGE-MIB, Q-BRIDGE-MIB)
 * and from LLDP. Only reads. A table that the switch does not have is taken for an empty one.
 * @throws PortError when the switch cannot be read at all, or has no PoE table (`unsupported`)
 */
export async function findPoePorts(
  device: SnmpDevice,
  macs: readonly string[],
  signal: AbortSignal,
): Promise<PoePortFindings> {
  const detection = await device.walk(DETECTION, signal);
  if (detection.size === 0) {
    throw new PortError(
      "unsupported",
      `${device.what} has no table of PoE ports (RFC 3621). Either it has no PoE, or it hides the table from this community or user.`,
    );
  }
  const basePorts = numbersOf(await device.walk(BASE_PORT_IF_INDEX, signal));
  const names = new Map([
    ...textsOf(await device.walk(IF_DESCR, signal)),
    ...textsOf(await device.walk(IF_NAME, signal)),
  ]);
  const seen = new Map<string, number>([
    ...addressesOf(await device.walk(FDB_PORT, signal)),
    ...addressesOf(await device.walk(VLAN_FDB_PORT, signal)),
  ]);
  const neighbours = await neighboursOf(device, signal, names);
  const poe = new PoeRows(detection, basePorts, names);

  const proposals: PoePortProposal[] = [];
  const unseen: string[] = [];
  const withoutPoe: { mac: string; interfaceName: string }[] = [];
  for (const mac of macs) {
    const bytes = mac.toLowerCase();
    const basePort = seen.get(bytes);
    const learned = basePort === undefined ? undefined : basePorts.get(basePort);
    const told = neighbours.get(bytes);
    const ifIndex = told ?? learned;
    const interfaceName =
      ifIndex === undefined
        ? `bridge port ${basePort}`
        : (names.get(ifIndex) ?? `interface ${ifIndex}`);
    const row = ifIndex === undefined ? undefined : poe.rowOf(ifIndex);
    if (ifIndex === undefined && basePort === undefined) unseen.push(mac);
    else if (ifIndex === undefined || !row) withoutPoe.push({ mac, interfaceName });
    else {
      const behind = [...seen.values()].filter((one) => one === basePort).length;
      proposals.push(
        proposalOf(mac, interfaceName, row, {
          learned: learned === ifIndex,
          told: told !== undefined,
          moved: told !== undefined && learned !== undefined && told !== learned,
          behind,
        }),
      );
    }
  }
  return {
    what: device.what,
    ports: detection.size,
    addresses: seen.size,
    proposals,
    withoutPoe,
    unseen,
  };
}

interface Sighting {
  readonly learned: boolean;
  readonly told: boolean;
  /** LLDP and the address table name different ports. */
  readonly moved: boolean;
  /** How many machines were seen there. */
  readonly behind: number;
}

interface PoeRow {
  readonly group: number;
  readonly port: number;
  readonly delivering: boolean;
  /** By which of its numbers the row was found. */
  readonly by: string;
  /** Whether another way of counting would give another row, or another interface has as good a claim to this one. */
  readonly doubtful: boolean;
  /** The interface that has a better claim to this row. */
  readonly rival?: string;
}

function proposalOf(
  mac: string,
  interfaceName: string,
  row: PoeRow,
  { learned, told, moved, behind }: Sighting,
): PoePortProposal {
  const where = [
    ...(learned ? [`its address was learned on ${interfaceName}`] : []),
    ...(told ? [`LLDP names it on ${interfaceName}`] : []),
  ].join(" and ");
  const against = [
    ...(moved ? ["the address table names another port"] : []),
    ...(behind >= UPLINK_MACHINES && !told
      ? [`${behind} machines were seen there, as on the way to another switch`]
      : []),
    ...(row.rival === undefined
      ? []
      : [`that PoE port is rather that of ${row.rival}, and this one has none`]),
    ...(row.delivering ? [] : ["that PoE port gives no power now"]),
  ];
  const doubts = [
    ...(row.doubtful
      ? ["PoE ports may be counted in another way here: try it by a power cycle"]
      : []),
    ...(behind > 1 && behind < UPLINK_MACHINES && !told
      ? [`${behind} machines were seen there`]
      : []),
  ];
  const sure = against.length === 0 && doubts.length === 0;
  const confidence = against.length > 0 ? "low" : sure ? "high" : "medium";
  const but = [...against, ...doubts];
  return {
    mac,
    group: row.group,
    port: row.port,
    interfaceName,
    confidence,
    why: `${capital(where)}, which is PoE port ${row.group}.${row.port} by ${row.by}${but.length === 0 ? "" : `; but ${but.join("; ")}`}.`,
  };
}

/**
 * The rows of the PoE table and the interfaces they belong to. RFC 3621 leaves open how ports are counted, so the ways
 * that occur are tried: by the numbers in the interface's name (unit and port), by its index, by its bridge port.
 */
class PoeRows {
  readonly #rows = new Map<string, boolean>();
  readonly #basePorts = new Map<number, number>();

  constructor(
    detection: Table,
    basePorts: ReadonlyMap<number, number>,
    private readonly names: ReadonlyMap<number, string>,
  ) {
    for (const [oid, state] of detection) {
      this.#rows.set(oid.slice(DETECTION.length + 1), state === POE_DETECTION.delivering);
    }
    for (const [basePort, ifIndex] of basePorts) this.#basePorts.set(ifIndex, basePort);
  }

  rowOf(ifIndex: number): PoeRow | undefined {
    const claim = this.#claimOf(ifIndex);
    if (!claim) return undefined;
    const { row, ways, doubtful } = claim;
    const [group = 1, port = 0] = row.split(".").map(Number);
    // Of two interfaces that are numbered alike, as Gi1/0/1 and Te1/1/1, one has no PoE.
    const rivals = [...this.#basePorts.keys()]
      .filter((other) => other !== ifIndex)
      .map((other) => ({ other, claim: this.#claimOf(other) }))
      .filter((one) => one.claim?.row === row && one.claim.ways.length >= ways.length);
    const better = rivals.find((one) => (one.claim?.ways.length ?? 0) > ways.length)?.other;
    return {
      group,
      port,
      delivering: this.#rows.get(row) ?? false,
      by: ways.join(" and "),
      doubtful: doubtful || rivals.length > 0,
      ...(better === undefined ? {} : { rival: this.names.get(better) ?? `interface ${better}` }),
    };
  }

  /** The row that an interface seems to have, and by which of its numbers. */
  #claimOf(
    ifIndex: number,
  ):
    | { readonly row: string; readonly ways: readonly string[]; readonly doubtful: boolean }
    | undefined {
    const numbers = (this.names.get(ifIndex) ?? "").match(/\d+/g)?.map(Number) ?? [];
    const last = numbers.at(-1);
    const unit = numbers.length > 1 ? numbers[0] : 1;
    const basePort = this.#basePorts.get(ifIndex);
    const ways: (readonly [string, string])[] = [
      ...(last === undefined ? [] : [[`${unit}.${last}`, "the interface's name"] as const]),
      [`1.${ifIndex}`, "the interface's index"],
      ...(basePort === undefined ? [] : [[`1.${basePort}`, "the bridge port"] as const]),
    ];
    const found = ways.filter(([row]) => this.#rows.has(row));
    const first = found[0];
    if (!first) return undefined;
    const [row] = first;
    return {
      row,
      ways: found.filter(([other]) => other === row).map(([, way]) => way),
      doubtful: found.some(([other]) => other !== row),
    };
  }
}

/** The interface that LLDP says each address is a neighbour of. */
async function neighboursOf(
  device: SnmpDevice,
  signal: AbortSignal,
  names: ReadonlyMap<number, string>,
): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>();
  const localIds = textsOf(await device.walk(LLDP_LOCAL_PORT_ID, signal));
  const indices = new Map([...names].map(([ifIndex, name]) => [name, ifIndex]));
  for (const column of [LLDP_CHASSIS_ID, LLDP_PORT_ID]) {
    const root = `${LLDP_REMOTE}.${column}`;
    for (const [oid, id] of await device.walk(root, signal)) {
      if (!Buffer.isBuffer(id) || id.length !== 6) continue;
      // Index: time mark, local port, number.
      const local = Number(oid.slice(root.length + 1).split(".")[1]);
      const ifIndex =
        indices.get(localIds.get(local) ?? "") ?? (names.has(local) ? local : undefined);
      if (ifIndex !== undefined) found.set(macOf([...id]), ifIndex);
    }
  }
  return found;
}

/** Bridge port by address; the last six numbers of the index are the address. */
function* addressesOf(table: Table): Generator<[string, number]> {
  for (const [oid, basePort] of table) {
    if (typeof basePort !== "number" || basePort === 0) continue;
    yield [macOf(oid.split(".").slice(-6).map(Number)), basePort];
  }
}

function numbersOf(table: Table): Map<number, number> {
  return new Map(
    [...table].flatMap(([oid, value]) =>
      typeof value === "number" ? [[lastNumber(oid), value] as const] : [],
    ),
  );
}

function textsOf(table: Table): Map<number, string> {
  return new Map(
    [...table].flatMap(([oid, value]) =>
      Buffer.isBuffer(value) ? [[lastNumber(oid), value.toString("utf8")] as const] : [],
    ),
  );
}

const lastNumber = (oid: string): number => Number(oid.slice(oid.lastIndexOf(".") + 1));

function macOf(bytes: readonly number[]): string {
  return bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
