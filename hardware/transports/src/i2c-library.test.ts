import { PortError } from "@outrider/ports/port-error";
import { expect, it } from "vitest";
import { I2cLibrary } from "./i2c-library.js";

const missing = () =>
  Promise.reject(Object.assign(new Error("no such package"), { code: "ERR_MODULE_NOT_FOUND" }));

it("a bus by a package that is not there names the command, and works once it is there", async () => {
  let there = false;
  const opened: number[] = [];
  const load = async () => {
    if (!there) await missing();
    return {
      default: {
        openPromisified: async (bus: number) => {
          opened.push(bus);
          return { receiveByte: async () => 7, close: async () => {} };
        },
      },
    };
  };
  await using bus = new I2cLibrary("/dev/i2c-3", load);
  const error = (await bus.ready().catch((reason: unknown) => reason)) as PortError;
  expect(error).toMatchObject({ name: "PortError", code: "unsupported" });
  expect(error.message).toContain("npm install --no-save");
  there = true;
  expect(await bus.transfer({ kind: "receive-byte", address: 0x20 })).toEqual(Uint8Array.of(7));
  expect(opened).toEqual([3]);
});

it("a bus that has no number is refused, because the package would take another one", async () => {
  await using bus = new I2cLibrary("/dev/i2c-mux", missing);
  await expect(bus.ready()).rejects.toMatchObject({ code: "invalid-options" });
});
