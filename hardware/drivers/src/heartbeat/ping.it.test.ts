import { readFileSync } from "node:fs";
import { openDriver } from "@outrider/ports/driver";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { driverContext } from "../testing/context.js";
import { lacksFarHost, startFarHost, type FarHost } from "../testing/far-host.js";
import { describeHeartbeatPort } from "../testing/heartbeat-conformance.js";
import { never } from "../testing/port-rig.js";
import { failure } from "../testing/power-rig.js";
import { driver } from "./ping.js";

const open = (host: string, waitMs = 1000) => openDriver(driver, { host, waitMs }, driverContext());

describe.skipIf(lacksFarHost("heartbeat/ping"))("ping of iputils", () => {
  describeHeartbeatPort("ping", async () => {
    const host = startFarHost();
    return {
      open: (context) => openDriver(driver, { host: host.address, waitMs: 2000 }, context),
      live: async (alive) => host.answer(alive),
      [Symbol.asyncDispose]: async () => host[Symbol.dispose](),
    };
  });

  describe("ping", { timeout: 60_000 }, () => {
    let host: FarHost;
    beforeAll(() => {
      host = startFarHost();
    });
    afterAll(() => host[Symbol.dispose]());

    it("says how long the answer took, and proves the kernel only", async () => {
      await using port = await open(host.address);
      const { alive, tookMs } = await port.read(never);
      expect(alive).toBe(true);
      expect(tookMs).toBeGreaterThan(0);
      expect(port.proves).toBe("network");
    });

    it("hears a host again that came back", async () => {
      await using port = await open(host.address, 2000);
      host.plug(false);
      expect(await port.read(never)).toMatchObject({ alive: false });
      host.plug(true);
      await expect.poll(() => port.read(never), { timeout: 20_000 }).toMatchObject({ alive: true });
    });

    it("says what the network says of an address that nobody has", async () => {
      await using port = await open(host.nobody, 5000);
      expect(await port.read(never)).toEqual({
        alive: false,
        detail: expect.stringContaining("Unreachable") as string,
      });
    });

    it("is given up in the middle of waiting", async () => {
      await using port = await open(host.nobody, 5000);
      const given = new AbortController();
      const reason = new Error("given up");
      const reading = port.read(given.signal);
      setTimeout(() => given.abort(reason), 50);
      await expect(reading).rejects.toBe(reason);
    });

    it("asks many at once, of whom most are silent", async () => {
      const ports = await Promise.all(
        Array.from({ length: 40 }, (_, nth) =>
          open(nth % 8 === 0 ? host.address : host.nobody, 100),
        ),
      );
      const answers = await Promise.all(ports.map((port) => port.read(never)));
      expect(answers.map(({ alive }) => alive)).toEqual(ports.map((_, nth) => nth % 8 === 0));
    });

    it("asks as a user who may nothing, as the agent's unit has it, or says what to allow", () => {
      const program = `
        import { systemClock } from ${JSON.stringify(import.meta.resolve("@outrider/contracts/clock"))};
        import { ping } from ${JSON.stringify(import.meta.resolve("@outrider/transports/ping"))};
        const question = { host: "127.0.0.1", waitMs: 1000, what: "The host", clock: systemClock };
        ping(question, new AbortController().signal).then(
          ({ answered }) => console.log(answered),
          ({ code, message }) => console.log(code, message),
        );`;
      const nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"];
      const asked = (groups: string, bounding = "-all,+net_raw"): string => {
        host.run("sh", "-c", `echo "${groups}" > /proc/sys/net/ipv4/ping_group_range`);
        const node = [process.execPath, "--input-type=module", "-e", program];
        return host
          .run("setpriv", "--no-new-privs", `--bounding-set=${bounding}`, ...nobody, ...node)
          .trim();
      };
      host.run("ip", "link", "set", "lo", "up");
      expect(asked("0 2147483647")).toBe("true");
      expect(asked("1 0")).toMatch(/^unsupported The host cannot be asked.*ping_group_range/);
      expect(asked("0 2147483647", "-all")).toMatch(/^(true$|unsupported .*CapabilityBoundingSet)/);
      const units = ["outrider-agent@.service", "outrider.service"].map((unit) =>
        readFileSync(new URL(`../../../../deploy/systemd/${unit}`, import.meta.url), "utf8"),
      );
      for (const unit of units) expect(unit).toContain("\nCapabilityBoundingSet=CAP_NET_RAW\n");
    });

    it("could not look where there is no such name", async () => {
      await using port = await open("no-such-host.invalid");
      const error = await failure(port.read(never));
      expect(error).toMatchObject({ code: "unreachable" });
      expect(error.message).toContain("no-such-host.invalid");
    });
  });
});

describe("ping's options", () => {
  it.each(["-f", "host;reboot", "", "$(id)", "a b"])("do not take the host %j", async (host) => {
    await expect(openDriver(driver, { host }, driverContext())).rejects.toMatchObject({
      code: "invalid-options",
    });
  });
});
