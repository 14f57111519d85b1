import { existsSync } from "node:fs";
import { mustSkip, UBOOT_PEERS } from "@outrider/simulators/peers";
import { hasMosquittoClients } from "@outrider/testing/mqtt-cli";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Deployment } from "./deployment.js";
import { Guest } from "./guest.js";
import { watched } from "./watched.js";

const firmware = "/usr/lib/u-boot/qemu_arm64/u-boot.bin";
const skip =
  !hasMosquittoClients() ||
  mustSkip("power on a single-board computer", UBOOT_PEERS, {
    packages: existsSync(firmware) ? [] : ["u-boot-qemu"],
  });

describe.skipIf(skip)("power on a single-board computer, by mosquitto_pub", () => {
  let lab: Deployment;
  beforeAll(async () => {
    lab = await Deployment.start({ chassis: ["uboot"], nodes: { sbc: { chassis: 1 } } });
  });
  afterAll(() => lab?.[Symbol.asyncDispose]());
  watched(() => lab);

  test("it comes up, is cycled and goes off; what its board has not is said", async () => {
    const node = lab.node("sbc");
    const guest = await Guest.open(lab, node);
    await node.isOff();
    expect(await node.command("On")).toMatchObject({ status: "Succeeded" });
    await guest.says(/Hit any key/);
    await node.settles("On", "Running");
    expect(await node.command("PowerCycle")).toMatchObject({ status: "Succeeded" });
    await guest.says(/Hit any key/);
    expect(await guest.runState()).toBe("running");
    expect(await node.command("Nmi")).toMatchObject({ status: "Failed", reasonCode: "refused" });
    expect(await node.command("ForceOff")).toMatchObject({ status: "Succeeded" });
    expect(await node.edgeNames()).toEqual([
      "supply-on/api",
      "supply-off/api",
      "supply-on/api",
      "supply-off/api",
    ]);
    await node.settles("Off");
  });
});
