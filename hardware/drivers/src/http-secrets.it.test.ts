import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { openDriver } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";
import { describe, expect, it } from "vitest";
import { loadDriver } from "./registry.js";
import { driverContext } from "./testing/context.js";
import { failure, forever } from "./testing/power-rig.js";

const SECRET = "canary-in-the-clear";
const FILE = { file: "/etc/outrider/secrets/canary" };
const context = () => driverContext({ secrets: { [FILE.file]: SECRET } });
const TEMPLATES = {
  on: { path: "/on" },
  off: { path: "/off" },
  status: { path: "/" },
  pointer: "/on",
  onValue: "true",
  offValue: "false",
};
const SENT_AS_IT_IS: readonly (readonly [string, object])[] = [
  ["netio", { output: 1, password: FILE }],
  ["mikrotik-poe", { interface: "ether1", username: "outrider", password: FILE }],
  ["openwrt-poe", { port: "lan1", username: "outrider", password: FILE }],
  ["turing-pi-2", { node: 1, username: "root", password: FILE }],
  ["home-assistant", { entity: "switch.a", token: FILE }],
  ["http", { ...TEMPLATES, token: FILE }],
  ["shelly", { generation: 1, password: FILE }],
];
const ON_DEMAND: readonly (readonly [string, object])[] = [
  ["shelly", { generation: 2, password: FILE }],
  ["esphome", { switch: "relay", password: FILE }],
  ["http", { ...TEMPLATES, password: FILE }],
];

/** Whoever answers at the address of a device, asks for its password and writes down all that comes. */
async function startCurious() {
  const heard: string[] = [];
  const server = createServer((asked, answer) => {
    heard.push(JSON.stringify(asked.headers));
    asked.on("data", (bytes: Buffer) => heard.push(bytes.toString("utf8")));
    asked.on("end", () => {
      answer.writeHead(401, { "www-authenticate": 'Basic realm="plug"' }).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    heard,
    knows: () => {
      const said = heard.join("\n");
      const pairs = [...said.matchAll(/Basic ([A-Za-z0-9+/=]+)/g)].map(([, pair = ""]) =>
        Buffer.from(pair, "base64").toString("utf8"),
      );
      return [said, ...pairs].some((one) => one.includes(SECRET));
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe("a secret on a network without encryption (P18)", () => {
  it.each(SENT_AS_IT_IS)("is not sent by %s with %j", async (name, options) => {
    await using curious = await startCurious();
    const driver = await loadDriver("power", name);
    const opened = openDriver(driver, { url: curious.url, ...options }, context());
    const error = await failure(opened);
    expect(error).toMatchObject({ code: "invalid-options" });
    expect(error.message).toContain("unencrypted: true");
    expect(curious.heard).toEqual([]);
  });

  it.each(ON_DEMAND)("is not given by %s to who asks for it, with %j", async (name, options) => {
    await using curious = await startCurious();
    const driver = await loadDriver("power", name);
    await using port = await openDriver(driver, { url: curious.url, ...options }, context());
    const error = await failure(
      (port as { read(signal: AbortSignal): Promise<unknown> }).read(forever),
    );
    expect(error).toBeInstanceOf(PortError);
    expect(error).toMatchObject({ code: "refused" });
    expect(error.message).toContain("did not get it");
    expect(curious.heard).not.toEqual([]);
    expect(curious.knows()).toBe(false);
  });

  it.each([...SENT_AS_IT_IS, ...ON_DEMAND.slice(1)])(
    "goes where the endpoint says so: %s with %j",
    async (name, options) => {
      await using curious = await startCurious();
      const driver = await loadDriver("power", name);
      const said = { url: curious.url, unencrypted: true, ...options };
      await using port = await openDriver(driver, said, context());
      await failure((port as { read(signal: AbortSignal): Promise<unknown> }).read(forever));
      expect(curious.knows()).toBe(true);
    },
  );

  it("never goes to a Shelly of generation 2, whatever the endpoint says", async () => {
    await using curious = await startCurious();
    const driver = await loadDriver("power", "shelly");
    const said = { url: curious.url, unencrypted: true, generation: 2, password: FILE };
    await using port = await openDriver(driver, said, context());
    await failure((port as { read(signal: AbortSignal): Promise<unknown> }).read(forever));
    expect(curious.knows()).toBe(false);
  });
});
