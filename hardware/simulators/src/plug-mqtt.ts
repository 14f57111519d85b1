import { MqttClient, connect } from "mqtt";
import type { PlugRelays } from "./plug-relays.js";

export const MQTT_PLUGS = ["tasmota", "zigbee2mqtt"] as const;
export type MqttPlug = (typeof MQTT_PLUGS)[number];

/** Plugs `plug-1` and `plug-2` on a broker, each as its maker documents it; see docs/hardware/plugs.md for where. */
export async function startMqttPlugs(
  kind: MqttPlug,
  broker: string,
  relays: PlugRelays,
): Promise<void> {
  const plugs = await Promise.all(
    [1, 2].map((slot) =>
      kind === "tasmota" ? tasmota(broker, slot, relays) : zigbee(broker, slot, relays),
    ),
  );
  void relays.watch((slot) => plugs[slot - 1]?.());
}

type Changed = () => void;

async function connected(
  broker: string,
  will: { readonly topic: string; readonly payload: string },
): Promise<MqttClient> {
  const client = connect(broker, {
    protocolVersion: 4,
    reconnectPeriod: 500,
    will: { ...will, payload: Buffer.from(will.payload), qos: 1, retain: true },
  });
  await new Promise<void>((resolve) => client.once("connect", () => resolve()));
  return client;
}

const BUSY_MS = 2000;

/** Does one thing after the other, as small controllers do, and gives up what takes too long. */
function oneByOne(): (work: () => Promise<void>) => void {
  let last = Promise.resolve();
  return (work) => {
    last = last.then(() =>
      Promise.race([work(), new Promise<void>((resolve) => setTimeout(resolve, BUSY_MS))]),
    );
  };
}

/** A device tells its states in their order: what was looked at before something that is told already is left out. */
function newestOnly(): <T>(look: () => Promise<T>) => Promise<T | undefined> {
  let looks = 0;
  let told = 0;
  return async (look) => {
    const number = ++looks;
    const seen = await look();
    if (number < told) return undefined;
    told = number;
    return seen;
  };
}

async function tasmota(broker: string, slot: number, relays: PlugRelays): Promise<Changed> {
  const topic = `plug-${slot}`;
  const lwt = `tele/${topic}/LWT`;
  const client = await connected(broker, { topic: lwt, payload: "Offline" });
  const result = (json: object): void =>
    void client.publish(`stat/${topic}/RESULT`, JSON.stringify(json));
  const wordNow = async (): Promise<string> =>
    (await relays.state(slot))?.on === true ? "ON" : "OFF";
  const inOrder = newestOnly();
  const tell = async (): Promise<void> => {
    const word = await inOrder(wordNow);
    if (word === undefined) return;
    result({ POWER: word });
    client.publish(`stat/${topic}/POWER`, word);
  };
  const status = async (): Promise<void> => {
    const sts = { Uptime: "0T00:00:11", POWER: await wordNow() };
    client.publish(`stat/${topic}/STATUS11`, JSON.stringify({ StatusSTS: sts }));
  };
  const next = oneByOne();
  client.on("message", (asked, payload) => {
    const command = asked.split("/")[2]?.toUpperCase() ?? "";
    const text = payload.toString().toUpperCase();
    const [, off] = /^POWER1 OFF; DELAY (\d+); POWER1 ON$/.exec(text) ?? [];
    if (command === "BACKLOG0" && off !== undefined) {
      next(async () => {
        await relays.set(slot, false);
        relays.later(slot, true, Number(off) * 100);
        await tell();
      });
    } else if (command === "STATUS" && text === "11") next(status);
    else if (command === "POWER" || command === "POWER1") {
      next(async () => {
        if (text !== "") await relays.set(slot, text === "ON");
        await tell();
      });
    } else result({ Command: "Unknown" });
  });
  await client.subscribeAsync(`cmnd/${topic}/#`);
  client.publish(lwt, "Online", { retain: true, qos: 1 });
  return () => void tell();
}

async function zigbee(broker: string, slot: number, relays: PlugRelays): Promise<Changed> {
  const topic = `zigbee2mqtt/plug-${slot}`;
  const availability = `${topic}/availability`;
  const client = await connected(broker, {
    topic: availability,
    payload: JSON.stringify({ state: "offline" }),
  });
  const inOrder = newestOnly();
  const tell = async (): Promise<void> => {
    const state = await inOrder(() => relays.state(slot));
    if (state === undefined) return;
    const said = { state: state.on ? "ON" : "OFF", power: state.drawWatts };
    // As with the device's option `retain`, which must not be taken for a present state.
    client.publish(topic, JSON.stringify(said), { retain: true });
  };
  const next = oneByOne();
  client.on("message", (asked, payload) => {
    const { state } = JSON.parse(payload.toString()) as { state?: string };
    next(async () => {
      if (asked.endsWith("/set")) await relays.set(slot, state === "ON");
      await tell();
    });
  });
  await client.subscribeAsync([`${topic}/set`, `${topic}/get`]);
  client.publish(availability, JSON.stringify({ state: "online" }), { retain: true, qos: 1 });
  return () => void tell();
}
