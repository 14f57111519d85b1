import { openDriver } from "@outrider/ports/driver";
import type { PowerPort } from "@outrider/ports/power-port";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { driverContext } from "../testing/context.js";
import {
  homeAssistantProgram,
  startHomeAssistant,
  type HomeAssistantPeer,
} from "../testing/home-assistant-peer.js";
import { failure, forever } from "../testing/power-rig.js";
import { driver } from "./home-assistant.js";

const TOKEN = { file: "/etc/outrider/secrets/home-assistant" };
const program = homeAssistantProgram();
/** It looks at what it does not hear of once a second. */
const SEEN = { timeout: 20_000, interval: 100 };

describe.skipIf(program === undefined)("Home Assistant", () => {
  let home: HomeAssistantPeer;
  beforeAll(async () => {
    home = await startHomeAssistant(program ?? "");
  });
  afterAll(() => home[Symbol.asyncDispose]());

  const open = (entity: string, token = home.token): Promise<PowerPort> =>
    openDriver(
      driver,
      { url: home.url, entity, token: TOKEN, unencrypted: true },
      driverContext({ secrets: { [TOKEN.file]: token } }),
    );

  it("switches a supply once, and reads it back once it is done", async () => {
    await using port = await open("switch.rack_1");
    for (const on of [true, false]) {
      await port.setSupply(on, forever);
      expect(await home.rack.get(1)).toMatchObject({ supply: on ? "on" : "off" });
      expect(await port.read(forever)).toMatchObject({
        supply: on ? "On" : "Off",
        supplyEvidence: "ReadBack",
      });
    }
    await port.setSupply(false, forever);
    const edges = (await home.rack.edges()).map(({ slot, edge }) => `${slot} ${edge}`);
    expect(edges.filter((edge) => edge.includes("supply"))).toEqual([
      "1 supply-on",
      "1 supply-off",
    ]);
  });

  it("is read as what it says once it has seen what somebody else did", async () => {
    await using port = await open("switch.rack_1");
    for (const on of [true, false]) {
      await home.rack.supply(1, on);
      const supply = on ? "On" : "Off";
      await expect.poll(async () => (await port.read(forever)).supply, SEEN).toBe(supply);
    }
  });

  it("that says yes to a welded relay still says that it is on", async () => {
    await using port = await open("switch.rack_1");
    await port.setSupply(true, forever);
    await home.rack.faults(1, { stuckOn: true });
    await port.setSupply(false, forever);
    await expect.poll(async () => (await port.read(forever)).supply, SEEN).toBe("On");
    await home.rack.faults(1, {});
    await port.setSupply(false, forever);
  });

  it("drives a template, and says what is away with it", async () => {
    await using port = await open("switch.wired");
    await port.setSupply(true, forever);
    expect(await home.state("input_boolean.relay")).toBe("on");
    expect(await port.read(forever)).toMatchObject({ supply: "On", supplyEvidence: "ReadBack" });
    await home.call("input_boolean.turn_off", "input_boolean.there");
    const error = await failure(port.read(forever));
    expect(error).toMatchObject({ code: "unreachable" });
    expect(error.message).toContain("switch.wired is unavailable in Home Assistant");
    await home.call("input_boolean.turn_on", "input_boolean.there");
    await port.setSupply(false, forever);
    expect(await port.read(forever)).toMatchObject({ supply: "Off" });
  });

  it.each(["switch.blind", "input_boolean.relay"])(
    "only assumes what nothing tells it: %s",
    async (entity) => {
      await using port = await open(entity);
      await port.setSupply(true, forever);
      expect(await port.read(forever)).toMatchObject({ supply: "On", supplyEvidence: "Assumed" });
      await port.setSupply(false, forever);
    },
  );

  it("says which entity it does not have", async () => {
    await using port = await open("switch.nope");
    const error = await failure(port.read(forever));
    expect(error).toMatchObject({ code: "invalid-options" });
    expect(error.message).toContain("option entity");
  });

  it("lets nobody in with a wrong token, and neither is told", async () => {
    await using port = await open("switch.wired", "canary-of-a-token");
    const error = await failure(port.read(forever));
    expect(error).toMatchObject({ code: "refused" });
    expect(`${error.message} ${error.stack}`).not.toContain("canary");
  });

  it("is timed out while it hangs, and unreachable once it has ended", async () => {
    await using port = await open("switch.wired");
    home.silence(true);
    const hanging = await failure(port.read(AbortSignal.timeout(500)));
    home.silence(false);
    expect(hanging).toMatchObject({ code: "timed-out" });
    expect(await port.read(forever)).toMatchObject({ supply: "Off" });
    await home.kill();
    for (const call of [port.read(forever), port.setSupply(true, forever)]) {
      expect(await failure(call)).toMatchObject({ code: "unreachable" });
    }
  });
});
