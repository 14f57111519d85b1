import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { openDriver } from "@outrider/ports/driver";
import { expect, it } from "vitest";
import { driverContext } from "../testing/context.js";
import { frontRig } from "../testing/front-rig.js";
import { startPlug } from "../testing/plug-rig.js";
import { describePowerPort } from "../testing/power-conformance.js";
import { forever } from "../testing/power-rig.js";
import { driver } from "./home-assistant.js";

const TOKEN = { file: "/etc/outrider/secrets/home-assistant" };

describePowerPort("home-assistant", () =>
  frontRig({
    driver,
    lacks: ["host", "refusal"],
    slotOption: "entity",
    secrets: { [TOKEN.file]: "canary-of-plugs" },
    start: (front) => startPlug("home-assistant", front),
    optionsOf: ({ port }, slot) => ({
      url: `http://127.0.0.1:${port}`,
      entity: `switch.slot_${slot === 99 ? "none" : slot}`,
      token: TOKEN,
      unencrypted: true,
    }),
  }),
);

/** One entity, in the form of https://developers.home-assistant.io/docs/api/rest/. */
async function startEntity(state: string, attributes: object | undefined) {
  const server = createServer((asked, answer) => {
    const entity_id = asked.url?.split("/").at(-1);
    answer.writeHead(200, { "content-type": "application/json" });
    answer.end(JSON.stringify({ entity_id, state, ...(attributes && { attributes }) }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

it.each([
  ["switch.plug", "on", { friendly_name: "Plug" }, "ReadBack"],
  ["switch.plug", "off", undefined, "ReadBack"],
  ["switch.radio_433", "on", { assumed_state: true }, "Assumed"],
  ["switch.radio_433", "off", { assumed_state: true }, "Assumed"],
  ["light.infrared", "on", { assumed_state: true }, "Assumed"],
  ["input_boolean.rack", "on", {}, "Assumed"],
  ["input_boolean.rack", "off", {}, "Assumed"],
])("tells %s, %s with %j, as %s", async (entity, state, attributes, supplyEvidence) => {
  await using house = await startEntity(state, attributes);
  const context = driverContext({ secrets: { [TOKEN.file]: "canary-of-plugs" } });
  const options = { url: house.url, entity, token: TOKEN, unencrypted: true };
  await using port = await openDriver(driver, options, context);
  const supply = state === "on" ? "On" : "Off";
  expect(await port.read(forever)).toMatchObject({ supply, supplyEvidence });
});
