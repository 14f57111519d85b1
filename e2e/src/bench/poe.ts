import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { driver } from "@outrider/drivers/power/snmp-poe";
import { driverContext } from "@outrider/drivers/testing/context";
import { openDriver } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";
import { milliseconds } from "@outrider/ports/time";
import { findProgram } from "@outrider/simulators/find-program";
import { freeUdpPort, startSnmpd } from "@outrider/simulators/snmp-peers";
import { hostMs } from "./machine.js";
import { figure, table } from "./markdown.js";
import { median } from "./statistics.js";

export interface PoePlan {
  readonly rounds: number;
}

const PORTS = 48;
const PORT_ENTRY = "1.3.6.1.2.1.105.1.1.1";
/** Admin state, detection and class: what a reading needs. */
const COLUMNS: readonly (readonly [column: number, value: number])[] = [
  [3, 1],
  [6, 3],
  [10, 5],
];
const COMMUNITY = "bench";
const COMMUNITY_VARIABLE = "OUTRIDER_SECRET_BENCH";
/** What the agent grants its readings to be gathered. */
const PATIENCE = milliseconds(20);

const run = promisify(execFile);

/**
 * 48 PoE ports read by the agent's driver, as 48 endpoints, and the same columns by `snmpwalk` and `snmpbulkwalk`, in
 * turn, all from the same snmpd.
 */
export async function measurePoe({ rounds }: PoePlan): Promise<string> {
  const walkers = ["snmpwalk", "snmpbulkwalk", "snmpget"].map((name) => findProgram(name));
  if (walkers.includes(undefined) || findProgram("snmpd") === undefined) {
    return "Not measured: snmpd and snmpwalk are missing (Debian: snmpd, snmp).";
  }
  const udpPort = await freeUdpPort();
  const rows = COLUMNS.flatMap(([column, value]) =>
    Array.from(
      { length: PORTS },
      (_, index) => `override .${PORT_ENTRY}.${column}.1.${index + 1} integer ${value}`,
    ),
  );
  await using _snmpd = await startSnmpd(udpPort, [`rocommunity ${COMMUNITY}`, ...rows]);
  const context = driverContext({ secrets: { [COMMUNITY_VARIABLE]: COMMUNITY } });
  await using ports = new AsyncDisposableStack();
  const opened = await Promise.all(
    Array.from({ length: PORTS }, async (_, index) =>
      ports.use(
        await openDriver(
          driver,
          {
            host: "127.0.0.1",
            udpPort,
            port: index + 1,
            community: { env: COMMUNITY_VARIABLE },
          },
          context,
        ),
      ),
    ),
  );
  const read = async (patience?: typeof PATIENCE): Promise<void> => {
    const signal = AbortSignal.timeout(10_000);
    const readings = await Promise.all(
      opened.map((port) => port.read(signal, patience === undefined ? {} : { patience })),
    );
    if (readings.some(({ supply }) => supply !== "On")) {
      throw new PortError("protocol", "A port of snmpd did not read as on.");
    }
  };
  const walk = async (program: string): Promise<void> => {
    for (const [column] of COLUMNS) {
      const args = ["-v2c", "-c", COMMUNITY, "-On", `127.0.0.1:${udpPort}`];
      const { stdout } = await run(program, [...args, `${PORT_ENTRY}.${column}`]);
      if (stdout.trimEnd().split("\n").length !== PORTS) throw new Error(`${program}: ${stdout}`);
    }
  };
  const ways: readonly (readonly [name: string, work: () => Promise<void>])[] = [
    ["48 endpoints at once", () => read()],
    ["48 endpoints, gathered for 20 ms", () => read(PATIENCE)],
    [
      "48 endpoints, one after the other",
      async () => {
        for (const port of opened) await port.read(AbortSignal.timeout(10_000));
      },
    ],
    ["`snmpwalk` of three columns", () => walk("snmpwalk")],
    ["`snmpbulkwalk` of three columns", () => walk("snmpbulkwalk")],
    [
      "three times `snmpget` of one object",
      async () => {
        const args = ["-v2c", "-c", COMMUNITY, "-On", `127.0.0.1:${udpPort}`];
        for (const [column] of COLUMNS)
          await run("snmpget", [...args, `${PORT_ENTRY}.${column}.1.1`]);
      },
    ],
  ];
  const tookMs = new Map<string, number[]>();
  for (let round = 0; round <= rounds; round++) {
    for (const [name, work] of ways) {
      const startMs = hostMs();
      await work();
      // The first round warms up.
      if (round === 0) continue;
      tookMs.set(name, [...(tookMs.get(name) ?? []), hostMs() - startMs]);
    }
  }
  const walked = tookMs.get("`snmpwalk` of three columns") ?? [];
  const lines = ways.map(([name]) => {
    const took = tookMs.get(name) ?? [];
    const ratios = took.map((one, round) => one / (walked[round] ?? one));
    return [name, figure(median(took)), figure(median(ratios))];
  });
  return `${PORTS} PoE ports of one snmpd 5.9.3 by version 2c: admin state, detection and class of each. Programs are started for each column, which is a part of what they take: the last line says how large a part.\n\n${table(["how", "ms", "ratio to snmpwalk"], lines)}`;
}
