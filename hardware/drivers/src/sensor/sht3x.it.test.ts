import { describe, expect, it } from "vitest";
import { driverContext } from "../testing/context.js";
import { never } from "../testing/port-rig.js";
import { describeSensorPort } from "../testing/sensor-conformance.js";
import { simulatedBus } from "../testing/simulated-i2c-rig.js";
import { crc8 } from "./sht3x.js";

const ADDRESS = 0x45;
const declared = { driver: "sht3x", options: { address: ADDRESS } };

function chip() {
  const world = simulatedBus();
  const state = { temperature: 0x6666, humidity: 0x8000, broken: false };
  const word = (value: number): number[] => {
    const bytes = [value >> 8, value & 0xff];
    return [...bytes, crc8(bytes) ^ (state.broken ? 1 : 0)];
  };
  const written: number[][] = [];
  world.bus.chips.set(ADDRESS, {
    write: (bytes) => void written.push([...bytes]),
    read: () => [...word(state.temperature), ...word(state.humidity)],
  });
  return { ...world, state, written };
}

describeSensorPort("sht3x", async () => {
  const { open, state, silence } = chip();
  return {
    open: (context) => open("sensor", declared, context),
    measure: async () => {
      state.temperature = state.temperature === 0 ? 0xffff : 0;
      return { temperatureCelsius: state.temperature === 0 ? -45 : 130 };
    },
    silence,
    [Symbol.asyncDispose]: async () => {},
  };
});

describe("sht3x", () => {
  it("has the checksum of the data sheet", () => {
    expect(crc8([0xbe, 0xef])).toBe(0x92);
  });

  it("asks for one measurement, and takes none whose checksum is wrong", async () => {
    const { open, state, written } = chip();
    await using port = await open("sensor", declared, driverContext());
    expect(await port.read(never)).toMatchObject({
      relativeHumidityPercent: expect.closeTo(50, 2) as number,
    });
    expect(written).toEqual([[0x24, 0x00]]);
    state.broken = true;
    expect(await port.read(never)).toEqual({
      temperatureCelsius: "NoReading",
      relativeHumidityPercent: "NoReading",
    });
  });
});
