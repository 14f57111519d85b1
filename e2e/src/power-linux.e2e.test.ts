import { lacksLinuxGuest } from "@outrider/simulators/lacks-guest";
import { fileSystemState } from "@outrider/simulators/data-disk";
import { runProgram } from "@outrider/simulators/run-program";
import { hasMosquittoClients } from "@outrider/testing/mqtt-cli";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Deployment } from "./deployment.js";
import { Guest } from "./guest.js";
import type { NodeUnderTest } from "./node-under-test.js";
import { watched } from "./watched.js";

const skip = !hasMosquittoClients() || (await lacksLinuxGuest("power on a Linux machine"));

const patient = { chassis: 1, wake: "button", gracefulLimit: "90s" } as const;
let lab: Deployment;

/** The node with its guest at work. Booting takes its time: one that runs is taken as it is. */
async function running(): Promise<{ node: NodeUnderTest; guest: Guest }> {
  const node = lab.node("n1");
  const guest = await Guest.open(lab, node);
  if ((await node.slotView()).host === "running") {
    guest.type("write here\n");
    await guest.says(/guest: written here/);
  } else {
    await node.command("ForceOff");
    await node.command("On");
    await guest.bootsLinux();
  }
  await node.settles("On", "Running");
  await node.mark();
  return { node, guest };
}

describe.skipIf(skip)("power on a Linux machine, by mosquitto_pub", () => {
  beforeAll(async () => {
    lab = await Deployment.start({ chassis: ["linux"], nodes: { n1: patient } });
  });
  afterAll(() => lab?.[Symbol.asyncDispose]());
  watched(() => lab);

  test("GracefulShutdown leaves its file system clean; On wakes it with its data; GracefulRestart brings it back", async () => {
    const { node, guest } = await running();
    guest.type("write hello\n");
    await guest.says(/guest: written hello/);

    expect(await node.command("GracefulShutdown")).toMatchObject({ status: "Succeeded" });
    expect(await guest.runState()).toBe("shutdown");
    expect(await fileSystemState(guest.disk)).toBe("clean");
    await runProgram("e2fsck", ["-fn", guest.disk]);
    expect(await node.edgeNames()).toEqual(["press/api", "halted/guest"]);
    await node.settles("On", "Halted");
    // Halted already: nothing is pressed again, which would wake it.
    expect(await node.command("GracefulShutdown")).toMatchObject({ status: "Succeeded" });

    expect(await node.command("On")).toMatchObject({ status: "Succeeded" });
    const boot = await guest.bootsLinux();
    guest.type("read hello\n");
    await guest.says(/guest: hello has hello/);
    await node.settles("On", "Running");

    expect(await node.command("GracefulRestart")).toMatchObject({ status: "Succeeded" });
    expect(await guest.bootsLinux()).toBe(boot + 1);
    expect(await node.edgeNames()).toEqual([
      "press/api",
      "halted/guest",
      "press/api",
      "press/api",
      "halted/guest",
      "press/api",
    ]);
    await node.settles("On", "Running");
  });

  test("an NMI panics its kernel, and a reset starts it anew", async () => {
    const { node, guest } = await running();
    expect(await node.command("Nmi")).toMatchObject({ status: "Succeeded" });
    // A kernel that dies in an NMI stops before it can print.
    await node.edge("panicked");
    expect(await guest.runState()).toBe("guest-panicked");
    await node.settles("On", "Halted");
    expect(await node.command("ForceRestart")).toMatchObject({ status: "Succeeded" });
    await guest.bootsLinux();
    expect(await node.edgeNames()).toEqual(["nmi/api", "panicked/guest", "reset/api"]);
    await node.settles("On", "Running");
  });

  test("a guest that ignores its button keeps running; forced off, its file system says so", async () => {
    const { node, guest } = await running();
    // The site is changed while everything runs.
    if (node.description?.gracefulLimitMs !== 3000)
      await lab.changeSite({ n1: { ...patient, gracefulLimit: "3s" } });
    guest.type("ignore-button\n");
    await guest.says(/guest: button ignored/);

    expect(await node.command("GracefulShutdown")).toMatchObject({
      status: "TimedOut",
      reasonCode: "not-obeyed",
    });
    guest.type("write still-here\n");
    await guest.says(/guest: written still-here/);
    expect(await guest.runState()).toBe("running");
    expect(await node.edgeNames()).toEqual(["press/api"]);

    expect(await node.command("GracefulShutdown", { escalate: true })).toMatchObject({
      status: "Succeeded",
      detail: expect.stringContaining("force") as string,
    });
    expect(await node.edgeNames()).toEqual(["press/api", "press/api", "supply-off/api"]);
    expect(await fileSystemState(guest.disk)).toBe("needs-recovery");
    await node.settles("Off");
  });
});
