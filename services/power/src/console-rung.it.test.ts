import { nodeId } from "@outrider/contracts/ids";
import { afterEach, describe, expect, it } from "vitest";
import { FleetStage } from "./testing/fleet-stage.js";

const n0 = nodeId("n0");
const PLUG = ["On", "ForceOff", "PowerCycle"] as const;

describe("a node with a console", () => {
  let stage: FleetStage;

  afterEach(async () => {
    await stage.stop();
  });

  it("that has nothing else to be asked by shuts down by SysRq, as its console shows", async () => {
    stage = await FleetStage.start({ nodes: 1, actions: PLUG, consoles: true });
    await stage.seeHost("On", "Unknown", n0);
    stage.show(n0, "login");
    const running = await stage.state(n0, ({ host }) => host.value === "Running");
    expect(running.host).toMatchObject({ evidence: "Console", staleAfterMs: 60_000 });
    expect((await stage.ask(n0, "GracefulShutdown", { id: "c0" })).detail).toBe(
      "agent a1 is asked for SysRq sync, remount-read-only, power-off at the console",
    );
    const command = await stage.command(0);
    expect(command).toMatchObject({ endpoint: "n0.console", action: "GracefulShutdown" });
    stage.show(n0, "halted");
    await stage.state(n0, ({ host }) => host.value === "Halted");
    await stage.report(command);
    expect(await stage.terminal("c0")).toMatchObject({
      status: "Succeeded",
      detail: "the host shut down after SysRq at its console was used",
    });
    expect((await stage.ask(n0, "GracefulShutdown", { id: "c1" })).detail).toBe(
      "the host has already halted",
    );
  });

  it("that ignores its button is told by SysRq, also when the service was killed in between (P5)", async () => {
    stage = await FleetStage.start({ nodes: 1, consoles: true });
    await stage.see("On", n0);
    await stage.ask(n0, "GracefulRestart", { id: "c0" });
    const press = await stage.command(0);
    expect(press).toMatchObject({ endpoint: "n0.power", action: "PushPowerButton" });
    await stage.report(press);
    await stage.said("c0", "waiting up to 0.75 s");
    const sysRq = await stage.command(1);
    expect(sysRq).toMatchObject({ endpoint: "n0.console", action: "GracefulShutdown" });
    await stage.said("c0", "the host did not obey its power button within 0.75 s");
    await stage.service.kill();
    await stage.startService();
    await stage.see("On", n0);
    await stage.report(sysRq);
    await stage.said("c0", "waiting up to 0.25 s");
    await stage.seeHost("On", "Halted", n0);
    const cycle = await stage.command(2);
    expect(cycle).toMatchObject({ endpoint: "n0.power", action: "PowerCycle" });
    await stage.report(cycle);
    expect(await stage.terminal("c0")).toMatchObject({
      status: "Succeeded",
      detail:
        "the host did not obey its power button within 0.75 s; the host shut down after SysRq at its console was used",
    });
    expect(stage.commands).toHaveLength(3);
  });

  it("that could not be opened is not counted on", async () => {
    stage = await FleetStage.start({ nodes: 1, actions: PLUG, consoles: true });
    stage.describeAgent("failed");
    await stage.see("On", n0);
    expect(await stage.ask(n0, "GracefulShutdown", { id: "c0" })).toMatchObject({
      status: "Rejected",
      reasonCode: "unsupported-action",
    });
    expect(stage.commands).toEqual([]);
  });

  it("shows its host no longer than it says (P9)", async () => {
    stage = await FleetStage.start({ nodes: 1, actions: PLUG, consoles: true });
    await stage.seeHost("On", "Unknown", n0);
    stage.show(n0, "login", 2000);
    await stage.state(n0, ({ host }) => host.value === "Running");
    const { host } = await stage.state(n0, (state) => state.host.value === "Unknown");
    expect(host.evidence).not.toBe("Console");
  });
});
