import { lacksDeviceGuest } from "@outrider/drivers/testing/device-guest-rig";
import { BIOS_PEERS, mustSkip } from "@outrider/simulators/peers";
import { isRunning, startChassis } from "@outrider/simulators/spawn";
import { eventually } from "@outrider/testing/eventually";
import { hasMosquittoClients } from "@outrider/testing/mqtt-cli";
import { tempDir } from "@outrider/testing/temp-dir";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { outrider } from "./consoles/command-line.js";
import { startGpioRelay, type GpioRelay } from "./control-interfaces/gpio-relay.js";
import { Deployment } from "./deployment.js";
import type { Rest } from "./fleet/rest.js";
import { watched } from "./watched.js";

const WHAT = "a supply at a GPIO line, by outrider";
const skip = !hasMosquittoClients() || mustSkip(WHAT, BIOS_PEERS) || (await lacksDeviceGuest(WHAT));

const stack = new AsyncDisposableStack();
let relay: GpioRelay;
let lab: Deployment;
let rest: Rest;

describe.skipIf(skip)("a virtual machine on the GPIO line of another one, by `outrider`", () => {
  beforeAll(async () => {
    const dir = stack.use(await tempDir("gp-"));
    const chassis = stack.use(
      await startChassis({ dir: dir.path, slots: [{ flavour: "bios-acpi" }] }),
    );
    relay = stack.use(await startGpioRelay(chassis.client));
    const options = {
      url: relay.url,
      on: { method: "POST", path: "/supply/on" },
      off: { method: "POST", path: "/supply/off" },
      status: { path: "/supply" },
      pointer: "/on",
      onValue: "true",
      offValue: "false",
    };
    const power = { driver: "http", options };
    lab = stack.use(
      await Deployment.start({
        nodes: { board: { wired: { machine: chassis, slot: 1, interfaces: { power } } } },
        gateway: true,
      }),
    );
    rest = await lab.rest();
  });
  afterAll(() => stack.disposeAsync());
  watched(() => lab);

  test("PowerCycle goes through the kernel's GPIO chip to the other machine's supply", async () => {
    const node = lab.node("board");
    await node.isOff();
    expect(await outrider(rest, "power", "on", "board")).toMatchObject({ code: 0 });
    await node.edge("supply-on");
    expect(relay.level()).toBe(true);
    const { pid: first = 0 } = await node.slotView();
    expect(isRunning(first)).toBe(true);
    await node.settles("On");
    await node.mark();

    expect(await outrider(rest, "power", "cycle", "board")).toMatchObject({ code: 0 });
    const [off, on, ...more] = await eventually("off and on", async () => {
      const edges = await node.edges();
      return edges.length >= 2 && edges;
    });
    expect([off?.edge, on?.edge, more]).toEqual(["supply-off", "supply-on", []]);
    const { pid: second = 0 } = await node.slotView();
    expect(isRunning(first)).toBe(false);
    expect(isRunning(second)).toBe(true);
  });
});
