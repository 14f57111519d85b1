import { openDriver } from "@outrider/ports/driver";
import { describe, expect, it } from "vitest";
import { driverContext } from "../testing/context.js";
import { freePort } from "../testing/foreign-process.js";
import { describeHeartbeatPort } from "../testing/heartbeat-conformance.js";
import { never } from "../testing/port-rig.js";
import { failure } from "../testing/power-rig.js";
import { lacksSshd, startSshd } from "../testing/sshd.js";
import { driver } from "./tcp-port.js";

const open = (options: object) => openDriver(driver, options, driverContext());

describe.skipIf(lacksSshd("heartbeat/tcp-port"))("a port of OpenSSH", { timeout: 60_000 }, () => {
  describeHeartbeatPort("tcp-port", async () => {
    const sshd = await startSshd();
    return {
      open: (context) => openDriver(driver, { host: "127.0.0.1", port: sshd.port }, context),
      live: (alive) => (alive ? sshd.start() : sshd.stop()),
      [Symbol.asyncDispose]: () => sshd[Symbol.asyncDispose](),
    };
  });

  it("proves no more than that the kernel accepts: a program that hangs is not noticed", async () => {
    await using sshd = await startSshd();
    sshd.freeze(true);
    await using port = await open({ host: "127.0.0.1", port: sshd.port });
    expect(port.proves).toBe("port");
    expect(await port.read(never)).toMatchObject({ alive: true });
  });
});

describe("tcp-port", () => {
  it("says that the host runs where nobody listens", async () => {
    await using port = await open({ host: "127.0.0.1", port: await freePort() });
    expect(await port.read(never)).toEqual({
      alive: false,
      detail: expect.stringContaining("it runs, and nobody listens") as string,
    });
  });

  it("could not look where there is no such name", async () => {
    await using port = await open({ host: "no-such-host.invalid", port: 22 });
    const error = await failure(port.read(never));
    expect(error).toMatchObject({ code: "unreachable" });
    expect(error.message).toContain("no-such-host.invalid");
  });
});
