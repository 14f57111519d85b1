import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { openDriver } from "@outrider/ports/driver";
import { describe, expect, it } from "vitest";
import { driver } from "./power/shelly.js";
import { driverContext } from "./testing/context.js";
import { forever } from "./testing/power-rig.js";

/**
 * What real plugs said, from the fixtures of aioshelly (Apache-2.0): a Shelly Plus Plug S with firmware 1.1.0 and a
 * Shelly Plug S with firmware 1.14.0. They are answers to readings; no answer to a command was recorded.
 */
const PLUS_PLUG_S = {
  "/rpc/Switch.GetStatus?id=0": {
    aenergy: { by_minute: [34.786, 45.552, 45.552], minute_ts: 1707326925, total: 7258.589 },
    apower: 2.7,
    current: 0.121,
    id: 0,
    output: true,
    source: "init",
    temperature: { tC: 32.1, tF: 89.7 },
    voltage: 227.9,
  },
};
const PLUG_S = {
  "/relay/0": {
    has_timer: false,
    ison: false,
    overpower: false,
    source: "http",
    timer_duration: 0,
    timer_remaining: 0,
    timer_started: 0,
  },
};

async function serving(answers: Readonly<Record<string, object>>) {
  const server = createServer(({ url = "" }, response) => {
    const answer = answers[url];
    response.writeHead(answer === undefined ? 404 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify(answer ?? "Not Found"));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

describe("what real Shelly plugs said", () => {
  it("is read of a Plus Plug S", async () => {
    await using device = await serving(PLUS_PLUG_S);
    const options = { url: device.url, generation: 2 };
    await using port = await openDriver(driver, options, driverContext());
    expect(await port.read(forever)).toMatchObject({ supply: "On", drawWatts: 2.7 });
  });

  it("is read of a Plug S", async () => {
    await using device = await serving(PLUG_S);
    const options = { url: device.url, generation: 1 };
    await using port = await openDriver(driver, options, driverContext());
    expect(await port.read(forever)).toMatchObject({ supply: "Off" });
  });

  it("is not taken for that of another generation", async () => {
    await using device = await serving({ "/rpc/Switch.GetStatus?id=0": PLUG_S["/relay/0"] });
    const options = { url: device.url, generation: 2 };
    await using port = await openDriver(driver, options, driverContext());
    await expect(port.read(forever)).rejects.toMatchObject({ code: "protocol" });
  });
});
