import { driverContext } from "@outrider/drivers/testing/context";
import { registerChip } from "@outrider/drivers/testing/simulated-i2c";
import { simulatedBus } from "@outrider/drivers/testing/simulated-i2c-rig";
import type { SensorPort } from "@outrider/ports/sensor-port";
import { hostMs } from "./machine.js";
import { figure, table } from "./markdown.js";
import { median } from "./statistics.js";

export interface SensorSweepPlan {
  readonly chips: number;
  readonly sweeps: number;
}

const BITS_PER_SECOND = 400_000;
const FIRST_ADDRESS = 0x08;
const OPTIONS = { shuntMilliohms: 10 };
/** An INA226 that measures 5.1 V and 0.8 A. */
const REGISTERS = [
  [0, 0x4127],
  [1, 3200],
  [2, 4080],
  [0xfe, 0x5449],
  [0xff, 0x2260],
] as const;

/** All chips of one bus, read at once, against the time that their bits take on its wire. */
export async function measureSensorSweep({ chips, sweeps }: SensorSweepPlan): Promise<string> {
  const { bus, open } = simulatedBus(BITS_PER_SECOND);
  const context = driverContext();
  await using stack = new AsyncDisposableStack();
  const ports: SensorPort[] = [];
  for (let address = FIRST_ADDRESS; address < FIRST_ADDRESS + chips; address += 1) {
    bus.chips.set(address, registerChip(new Map(REGISTERS), true));
    const declared = { driver: "ina226", options: { address, ...OPTIONS } };
    ports.push(stack.use(await open("sensor", declared, context)));
  }
  const sweep = () => Promise.all(ports.map((port) => port.read(context.signal)));
  // The first asks each chip what it is, too.
  await sweep();
  const took: number[] = [];
  const ratios: number[] = [];
  let limitMs = 0;
  for (let round = 0; round < sweeps; round += 1) {
    const before = bus.bits;
    const startMs = hostMs();
    const samples = await sweep();
    const ms = hostMs() - startMs;
    if (samples.some(({ currentAmperes }) => Math.abs(Number(currentAmperes) - 0.8) > 1e-9))
      throw new Error("a chip was read wrongly");
    limitMs = ((bus.bits - before) * 1000) / BITS_PER_SECOND;
    took.push(ms);
    ratios.push(ms / limitMs);
  }
  const row = [
    String(chips),
    String(sweeps),
    figure(median(took)),
    figure(limitMs),
    figure(median(ratios)),
    figure(Math.max(...ratios)),
  ];
  const head = ["chips", "sweeps", "median ms", "the bus's own limit, ms", "ratio", "worst ratio"];
  return `INA226 on one simulated I²C bus that sleeps for its bits at ${BITS_PER_SECOND / 1000} kHz, voltage, current and power of each:\n\n${table(head, [row])}`;
}
