import { expect, test } from "vitest";
import { brokerKinds, startTestBroker } from "./broker.js";
import { mosquittoPub, mosquittoSub } from "./mqtt-cli.js";

test.each(brokerKinds())("%s comes back on its port with nothing stored", async (kind) => {
  await using broker = await startTestBroker({ kind });
  const { port } = broker;
  await mosquittoPub("kept", "old", { port, retain: true });
  await mosquittoPub("kept/five", "with properties", {
    port,
    retain: true,
    properties: { colour: "red" },
  });
  {
    await using sub = await mosquittoSub(["kept", "kept/+"], { port });
    const old = await sub.next("the stored one", ({ topic }) => topic === "kept");
    expect(old).toEqual({ topic: "kept", payload: "old", retain: true, properties: {} });
    const five = await sub.next("the other one", ({ topic }) => topic === "kept/five");
    expect(five.properties).toEqual({ colour: "red" });
  }
  await broker.kill();
  expect(broker.running()).toBe(false);
  await expect(mosquittoPub("kept", "new", { port })).rejects.toThrow(/refused/i);
  await broker.restart();
  expect(broker.port).toBe(port);
  await using sub = await mosquittoSub(["kept"], { port, version: "mqttv311" });
  await mosquittoPub("kept", "new", { port, version: "mqttv311" });
  await sub.next("the new one", ({ payload }) => payload === "new");
  expect(sub.messages).toHaveLength(1);
});
