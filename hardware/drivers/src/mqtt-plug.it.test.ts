import { openDriver } from "@outrider/ports/driver";
import { mustSkip } from "@outrider/simulators/peers";
import { connectAsync, type MqttClient } from "mqtt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { driver as tasmota } from "./power/tasmota.js";
import { driver as zigbee } from "./power/zigbee2mqtt.js";
import { driverContext } from "./testing/context.js";
import { mqttRig } from "./testing/mqtt-rig.js";
import { BROKER_USER } from "./testing/plug-rig.js";
import { failure, forever } from "./testing/power-rig.js";

const skip = mustSkip("plugs on mosquitto", { mosquitto: "mosquitto" });
const KINDS = [
  { kind: "tasmota", driver: tasmota, name: (slot: number) => ({ topic: `plug-${slot}` }) },
  { kind: "zigbee2mqtt", driver: zigbee, name: (slot: number) => ({ device: `plug-${slot}` }) },
];

describe.skipIf(skip).each(KINDS)("$kind on mosquitto", ({ kind, driver, name }) => {
  let rig: Awaited<ReturnType<typeof mqttRig>>;
  let onlooker: MqttClient;
  beforeAll(async () => {
    rig = await mqttRig(driver, kind, name);
    onlooker = await connectAsync(`mqtt://127.0.0.1:${rig.brokerPort}`);
  });
  afterAll(async () => {
    await onlooker.endAsync();
    await rig[Symbol.asyncDispose]();
  });
  const open = () =>
    openDriver(driver, rig.optionsOf(1), driverContext({ secrets: rig.secrets ?? {} }));

  it("leaves no command on the broker, and says no password there", async () => {
    await using port = await open();
    await port.setSupply(true, forever);
    await port.native.PowerCycle?.(forever);
    await port.setSupply(false, forever);
    const kept: { topic: string; text: string }[] = [];
    onlooker.on("message", (topic, payload, { retain }) => {
      if (retain) kept.push({ topic, text: payload.toString() });
    });
    await onlooker.subscribeAsync("#");
    // What is retained comes before what is published after it was asked for.
    const seen = new Promise((resolve) => {
      onlooker.on("message", (topic) => topic === "probe" && resolve(undefined));
    });
    await onlooker.publishAsync("probe", "");
    await seen;
    expect(kept.length).toBeGreaterThan(0);
    for (const { topic, text } of kept) {
      expect(topic).not.toMatch(/^cmnd\/|\/(set|get)$/);
      expect(text).not.toContain(BROKER_USER.password);
    }
  });

  it("does not take a state that the broker has kept for one of now", async () => {
    await using port = await open();
    await rig.world.supply(1, true);
    const off = JSON.stringify({ POWER: "OFF", state: "OFF", StatusSTS: { POWER: "OFF" } });
    for (const topic of ["stat/plug-1/STATUS11", "stat/plug-1/RESULT", "zigbee2mqtt/plug-1"]) {
      await onlooker.publishAsync(topic, off, { retain: true, qos: 1 });
    }
    await using late = await open();
    expect(await late.read(forever)).toMatchObject({ supply: "On" });
    expect(await port.read(forever)).toMatchObject({ supply: "On" });
    await rig.world.supply(1, false);
  });

  it("is unreachable, and asked nothing, once its will has been told; no deadline passes", async () => {
    await using own = await mqttRig(driver, kind, name);
    const context = driverContext({ secrets: own.secrets ?? {} });
    await using port = await openDriver(driver, own.optionsOf(1), context);
    await port.read(forever);
    await own.kill();
    const error = await failure(port.setSupply(true, forever));
    expect(error).toMatchObject({ code: "unreachable" });
    expect(error.message).not.toContain(BROKER_USER.password);
    await own.restart();
    await expect
      .poll(() => port.read(forever).catch(() => undefined))
      .toMatchObject({
        supply: "Off",
      });
  });
});
