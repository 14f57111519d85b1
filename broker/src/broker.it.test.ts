import { connectAsync } from "mqtt";
import { describe, expect, it } from "vitest";
import { startBroker } from "./broker.js";

describe("a broker", () => {
  it.each([4, 5] as const)("serves MQTT protocol level %i", async (protocolVersion) => {
    const broker = await startBroker({
      host: "127.0.0.1",
      port: 0,
      anonymous: "loopback-operator",
    });
    const client = await connectAsync({ host: "127.0.0.1", port: broker.port, protocolVersion });
    expect(broker.stats().clients).toBe(1);
    await client.endAsync();
    await broker.close();
  });
});
