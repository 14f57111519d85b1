import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { openDriver } from "@outrider/ports/driver";
import { mustSkip } from "@outrider/simulators/peers";
import { connectAsync, type MqttClient } from "mqtt";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { driver as tasmota } from "./power/tasmota.js";
import { driver as zigbee } from "./power/zigbee2mqtt.js";
import { driverContext } from "./testing/context.js";
import { mqttRig } from "./testing/mqtt-rig.js";
import { BROKER_USER } from "./testing/plug-rig.js";
import { failure, forever } from "./testing/power-rig.js";

const PATIENCE = { timeout: 20_000 };
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
    onTestFinished(async () => void (await onlooker.unsubscribeAsync("#")));
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

/** Whoever listens at the address of a broker, and writes down all that comes. */
async function startCurious() {
  const heard: Buffer[] = [];
  const connected = new Set<Socket>();
  const server = createServer((socket) => {
    connected.add(socket);
    socket.on("data", (bytes: Buffer) => heard.push(bytes));
    socket.on("error", () => {});
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    broker: `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: () => connected.size,
    heard: () => Buffer.concat(heard).toString("latin1"),
    async [Symbol.asyncDispose]() {
      for (const socket of connected) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

describe.each(KINDS)("the password of $kind for a broker without encryption (P18)", (kind) => {
  const { driver, name } = kind;
  const password = { file: "/etc/outrider/secrets/broker" };
  const context = () => driverContext({ secrets: { [password.file]: BROKER_USER.password } });
  const login = { username: BROKER_USER.username, password };

  it("is not sent", async () => {
    await using curious = await startCurious();
    const options = { broker: curious.broker, ...login, ...name(1) };
    for (const said of [options, { ...options, unencrypted: false }]) {
      const error = await failure(openDriver(driver, said, context()));
      expect(error).toMatchObject({ code: "invalid-options" });
      expect(error.message).toContain("Use mqtts, or set unencrypted: true");
    }
    expect(curious.connections()).toBe(0);
  });

  it("goes where the endpoint says so", async () => {
    await using curious = await startCurious();
    const options = { broker: curious.broker, ...login, unencrypted: true, ...name(1) };
    await using _port = await openDriver(driver, options, context());
    await expect.poll(curious.heard, PATIENCE).toContain(BROKER_USER.password);
  });

  it("is not missed where there is none", async () => {
    await using curious = await startCurious();
    await using _port = await openDriver(driver, { broker: curious.broker, ...name(1) }, context());
    await expect.poll(curious.heard, PATIENCE).toContain("MQTT");
    expect(curious.heard()).not.toContain(BROKER_USER.password);
  });
});
