import { execFile, spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { setImmediate as turn } from "node:timers/promises";
import { promisify } from "node:util";
import { openDriver } from "@outrider/ports/driver";
import { describe, expect, it } from "vitest";
import { describeButtonPort, type ButtonRig } from "../testing/button-conformance.js";
import { driverContext } from "../testing/context.js";
import { never } from "../testing/port-rig.js";
import { pypiPeer } from "../testing/pypi-peer.js";
import { driver } from "./wake-on-lan.js";

/** A program in a network of its own that has no route at all. */
const ALONE = ["--map-root-user", "--net"];
const lacksNamespaces = spawnSync("unshare", [...ALONE, "true"]).status !== 0;

const MAC = "d8:3A:dd:00:ff:01";
const TIMES = 3;

interface Card extends AsyncDisposable {
  readonly udpPort: number;
  readonly packets: Buffer[];
}

/** What a card would see of the network. */
async function card(): Promise<Card> {
  const socket = createSocket("udp4");
  const packets: Buffer[] = [];
  socket.on("message", (packet) => packets.push(packet));
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return {
    udpPort: socket.address().port,
    packets,
    [Symbol.asyncDispose]: async () => {
      socket.close();
      await once(socket, "close");
    },
  };
}

describeButtonPort("wake-on-lan", async (): Promise<ButtonRig> => {
  const seen = await card();
  const options = { mac: MAC, broadcast: "127.0.0.1", udpPort: seen.udpPort };
  return {
    open: (context) => openDriver(driver, options, context),
    can: ["wake"],
    asked: async () => {
      // What was sent has come before a socket is looked at again.
      for (let turns = 0; turns < 20; turns += 1) await turn();
      return seen.packets.length / TIMES;
    },
    [Symbol.asyncDispose]: () => seen[Symbol.asyncDispose](),
  };
});

const wakeonlan = await pypiPeer("wakeonlan-3.1.0", ["wakeonlan==3.1.0"]);

describe.skipIf(wakeonlan === undefined)("wake-on-lan beside wakeonlan of PyPI", () => {
  it.each(["d8:3a:dd:00:00:01", "00:00:00:00:00:00", "FF:fe:0A:a0:7f:80"])(
    "sends what that sends for %s",
    async (mac) => {
      await using seen = await card();
      const args = [mac, "-i", "127.0.0.1", "-p", String(seen.udpPort)];
      await promisify(execFile)(join(wakeonlan ?? "", "wakeonlan"), args);
      await expect.poll(() => seen.packets.length).toBe(1);
      const options = { mac, broadcast: "127.0.0.1", udpPort: seen.udpPort };
      await using port = await openDriver(driver, options, driverContext());
      await port.wake?.(never);
      await expect.poll(() => seen.packets.length).toBe(1 + TIMES);
      for (const packet of seen.packets)
        expect(packet.equals(seen.packets[0] as Buffer)).toBe(true);
    },
  );
});

describe("wake-on-lan", () => {
  it("may send to everybody in a network", async () => {
    await using seen = await card();
    const options = { mac: MAC, broadcast: "127.255.255.255", udpPort: seen.udpPort };
    await using port = await openDriver(driver, options, driverContext());
    await port.wake?.(never);
  });

  it.skipIf(lacksNamespaces)("says so when it cannot send", async () => {
    const program = `
import { openDriver } from "@outrider/ports/driver";
import { driverContext } from "${new URL("../testing/context.js", import.meta.url).href}";
import { driver } from "${new URL("./wake-on-lan.js", import.meta.url).href}";
const port = await openDriver(driver, { mac: "${MAC}" }, driverContext());
await port.wake(new AbortController().signal).catch(({ code, message }) => console.log(code, message));`;
    const args = [...ALONE, process.execPath, "--input-type=module", "-e", program];
    const cwd = fileURLToPath(new URL(".", import.meta.url));
    const { stdout } = await promisify(execFile)("unshare", args, { cwd });
    expect(stdout).toMatch(/^unreachable .*255\.255\.255\.255, UDP port 9 \(ENETUNREACH\)/);
  });

  it("is given up between two packets", async () => {
    await using seen = await card();
    const options = { mac: MAC, broadcast: "127.0.0.1", udpPort: seen.udpPort };
    await using port = await openDriver(driver, options, driverContext());
    const given = new AbortController();
    const waking = port.wake?.(given.signal) ?? expect.unreachable("it wakes");
    await expect.poll(() => seen.packets.length, { interval: 5 }).toBe(1);
    const reason = new Error("given up");
    given.abort(reason);
    await expect(waking).rejects.toBe(reason);
  });

  it("hands on what it was given to shut down with, and nothing that it was not", async () => {
    const did: string[] = [];
    const shutdown = {
      shutDown: async () => void did.push("shutDown"),
      [Symbol.asyncDispose]: async () => void did.push("closed"),
    };
    await using port = await openDriver(driver, { mac: MAC }, driverContext(), { shutdown });
    expect(port.press).toBeUndefined();
    await port.shutDown?.(never);
    expect(did).toEqual(["shutDown"]);
  });

  it.each([
    [{ mac: "d83add000001" }, "option mac"],
    [{ mac: MAC, broadcast: "switch" }, "option broadcast"],
    [{ mac: MAC, udpPort: 0 }, "option udpPort"],
  ])("refuses %j", async (options, words) => {
    await expect(openDriver(driver, options, driverContext())).rejects.toThrow(words);
  });
});
