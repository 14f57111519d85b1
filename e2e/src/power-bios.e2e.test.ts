import { BIOS_PEERS, mustSkip } from "@outrider/simulators/peers";
import { eventually } from "@outrider/testing/eventually";
import { hasMosquittoClients } from "@outrider/testing/mqtt-cli";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Deployment } from "./deployment.js";
import { Guest } from "./guest.js";
import type { NodeUnderTest } from "./node-under-test.js";
import { watched } from "./watched.js";

const DWELL_MS = 1500;
/** The end of a command that was done and verified. */
const SUCCEEDED = { status: "Succeeded", terminal: true, actor: "person:operator", via: "mqtt" };

const skip = !hasMosquittoClients() || mustSkip("power on virtual machines", BIOS_PEERS);

let lab: Deployment;

/** A node whose guest has booted. */
async function booted(id: string): Promise<{ node: NodeUnderTest; guest: Guest; boot: number }> {
  const node = lab.node(id);
  const guest = await Guest.open(lab, node);
  await node.command("ForceOff");
  await node.command("On");
  const boot = await guest.bootsBios();
  await node.settles("On", "Running");
  await node.mark();
  return { node, guest, boot };
}

/** A node whose guest has halted itself on a live supply. */
async function halted(id: string): Promise<{ node: NodeUnderTest; guest: Guest }> {
  const { node, guest } = await booted(id);
  guest.type("h");
  await node.edge("halted");
  await node.settles("On", "Halted");
  expect(await guest.runState()).toBe("shutdown");
  await node.mark();
  return { node, guest };
}

/** A node whose virtual machine was killed from outside. */
async function lost(id: string): Promise<{ node: NodeUnderTest; guest: Guest }> {
  const { node, guest } = await booted(id);
  const { pid } = await node.slotView();
  process.kill(pid ?? 0, "SIGKILL");
  expect(await node.event("supply-lost")).toMatchObject({ severity: "error" });
  return { node, guest };
}

/** Resolves when the supply was looked at again. */
async function lookedAtAgain(node: NodeUnderTest): Promise<void> {
  const seenAt = node.state?.supply.observedAt ?? "";
  await eventually("a later look", () => (node.state?.supply.observedAt ?? "") > seenAt);
}

describe.skipIf(skip)("power on virtual machines, by mosquitto_pub", () => {
  beforeAll(async () => {
    lab = await Deployment.start({
      chassis: ["bios-acpi", "bios-acpi", "bios-acpi", "bios-acpi", "bios"],
      nodes: {
        plain: { chassis: 1, dwell: `${DWELL_MS}ms` },
        button: { chassis: 2, wake: "button" },
        cycle: { chassis: 3, wake: "supply-cycle" },
        always: { chassis: 4, restore: "AlwaysOn" },
        deaf: { chassis: 5, gracefulLimit: "2s" },
      },
    });
  });
  afterAll(() => lab?.[Symbol.asyncDispose]());
  watched(() => lab);

  test("On starts the machine, and the state is what was read back", async () => {
    const node = lab.node("plain");
    const guest = await Guest.open(lab, node);
    await node.isOff();
    await node.set("On");
    expect(await node.result("the end of On", (one) => one.terminal)).toMatchObject({
      ...SUCCEEDED,
      action: "On",
    });
    await guest.bootsBios();
    expect(await guest.runState()).toBe("running");
    expect(await node.edgeNames()).toEqual(["supply-on/api"]);
    expect(await node.settles("On", "Running")).toMatchObject({
      target: "On",
      lastCommand: { action: "On", status: "Succeeded" },
    });
    // There already: a success, and nothing happens.
    expect(await node.command("On")).toMatchObject({ status: "Succeeded" });
    expect(await node.edgeNames()).toEqual(["supply-on/api"]);
  });

  test("ForceOff ends the machine", async () => {
    const { node } = await booted("plain");
    const { pid } = await node.slotView();
    expect(await node.command("ForceOff")).toMatchObject({ ...SUCCEEDED, action: "ForceOff" });
    expect(() => process.kill(pid ?? 0, 0)).toThrow("ESRCH");
    expect(await node.edgeNames()).toEqual(["supply-off/api"]);
    expect(await node.settles("Off")).toMatchObject({ target: "Off", host: { value: "Halted" } });
  });

  test("PowerCycle: exactly one off and one on, the dwell between, and the guest boots again", async () => {
    const { node, guest, boot } = await booted("plain");
    await node.set(" PowerCycle\n");
    expect(await node.result("the end of the cycle", (one) => one.terminal)).toMatchObject({
      ...SUCCEEDED,
      action: "PowerCycle",
    });
    expect(await guest.bootsBios()).toBe(boot + 1);
    const [off, on, ...more] = await node.edges();
    expect([off?.edge, on?.edge, more]).toEqual(["supply-off", "supply-on", []]);
    expect((on?.monotonicMs ?? 0) - (off?.monotonicMs ?? 0)).toBeGreaterThanOrEqual(DWELL_MS);
    expect(await guest.runState()).toBe("running");
    await node.settles("On", "Running");
    const [first, ...progress] = node.results().slice(0, -1);
    expect(first).toMatchObject({ status: "Accepted", seq: 0 });
    expect(progress.every(({ status }) => status === "InProgress")).toBe(true);
    const numbers = node.results().map(({ seq }) => seq);
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
  });

  test("ForceRestart resets the machine, and its supply stays", async () => {
    const { node, guest, boot } = await booted("plain");
    const { pid } = await node.slotView();
    expect(await node.command("ForceRestart")).toMatchObject(SUCCEEDED);
    expect(await guest.bootsBios()).toBe(boot + 1);
    expect((await node.slotView()).pid).toBe(pid);
    expect(await node.edgeNames()).toEqual(["reset/api"]);
    await node.settles("On", "Running");
  });

  test("PushPowerButton presses once, and the guest obeys", async () => {
    const { node, guest } = await booted("plain");
    expect(await node.command("PushPowerButton")).toMatchObject(SUCCEEDED);
    await node.edge("halted");
    expect(await guest.runState()).toBe("shutdown");
    expect(await node.edgeNames()).toEqual(["press/api", "halted/guest"]);
    await node.settles("On", "Halted");
  });

  test("Nmi panics the guest, which is seen as a halted host", async () => {
    const { node, guest } = await booted("plain");
    expect(await node.command("Nmi")).toMatchObject(SUCCEEDED);
    await node.edge("panicked");
    expect(await guest.runState()).toBe("guest-panicked");
    expect(await node.edgeNames()).toEqual(["nmi/api", "panicked/guest"]);
    await node.settles("On", "Halted");
  });

  describe("a guest that halts itself", () => {
    test("wakes by the button where the node says so", async () => {
      const { node, guest } = await halted("button");
      expect(await node.command("On")).toMatchObject(SUCCEEDED);
      await guest.bootsBios();
      expect(await node.edgeNames()).toEqual(["press/api"]);
      await node.settles("On", "Running");
    });

    test("wakes by a cycle of the supply where the node says so", async () => {
      const { node, guest } = await halted("cycle");
      expect(await node.command("On")).toMatchObject(SUCCEEDED);
      await guest.bootsBios();
      expect(await node.edgeNames()).toEqual(["supply-off/api", "supply-on/api"]);
      await node.settles("On", "Running");
    });

    test("is not woken where the node says nothing; a cycle then starts it", async () => {
      const { node, guest } = await halted("plain");
      expect(await node.command("On")).toMatchObject({
        status: "Rejected",
        reasonCode: "needs-cycle",
        detail: expect.stringContaining("PowerCycle") as string,
      });
      expect(await node.edgeNames()).toEqual([]);
      expect(await guest.runState()).toBe("shutdown");
      expect(await node.command("PowerCycle")).toMatchObject(SUCCEEDED);
      await guest.bootsBios();
      await node.settles("On", "Running");
    });
  });

  describe("GracefulRestart", () => {
    test.each([
      ["button", ["press/api", "halted/guest", "press/api"]],
      ["cycle", ["press/api", "halted/guest", "supply-off/api", "supply-on/api"]],
    ])("of the node %s: the guest stops by itself and is brought back", async (id, edges) => {
      const { node, guest, boot } = await booted(id);
      expect(await node.command("GracefulRestart")).toMatchObject(SUCCEEDED);
      expect(await guest.bootsBios()).toBe(boot + 1);
      expect(await node.edgeNames()).toEqual(edges);
      await node.settles("On", "Running");
    });
  });

  test("a guest that ignores its button is left alone; with escalate it is forced off", async () => {
    const { node, guest } = await booted("deaf");
    expect(await node.command("GracefulShutdown")).toMatchObject({
      status: "TimedOut",
      reasonCode: "not-obeyed",
    });
    expect(await node.edgeNames()).toEqual(["press/api"]);
    expect(await guest.runState()).toBe("running");
    expect(await node.command("GracefulShutdown", { escalate: true })).toMatchObject(SUCCEEDED);
    expect(await node.edgeNames()).toEqual(["press/api", "press/api", "supply-off/api"]);
    await node.settles("Off");
  });

  test("ForceOff takes the place of a graceful wait", async () => {
    const { node } = await booted("deaf");
    const waiting = await node.ask("GracefulShutdown");
    await node.edge("press");
    await node.result(
      "the wait",
      (one) => one.id === waiting && /shut down/.test(one.detail ?? ""),
    );
    expect(await node.command("ForceOff")).toMatchObject(SUCCEEDED);
    expect(await node.outcome(waiting)).toMatchObject({
      status: "Canceled",
      reasonCode: "superseded",
    });
    await node.settles("Off");
  });

  describe("a machine that loses its supply without a command", () => {
    test("is left off without a policy, until a person says On", async () => {
      const { node, guest } = await lost("deaf");
      await node.settles("Off");
      await lookedAtAgain(node);
      expect(await node.edgeNames()).toEqual(["brown-out/outside"]);
      expect(await node.command("On")).toMatchObject(SUCCEEDED);
      await guest.bootsBios();
      expect(node.events().map(({ kind }) => kind)).toEqual(["supply-lost"]);
    });

    test("is brought back exactly once by the policy AlwaysOn", async () => {
      const { node, guest } = await lost("always");
      expect(await node.event("restored")).toMatchObject({ severity: "notice" });
      await guest.bootsBios();
      await node.settles("On", "Running");
      await lookedAtAgain(node);
      expect(await node.edgeNames()).toEqual(["brown-out/outside", "supply-on/api"]);
      expect(node.events().map(({ kind }) => kind)).toEqual(["supply-lost", "restored"]);
      expect(node.results()).toEqual([]);
    });
  });
});
