import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { openDriver } from "@outrider/ports/driver";
import { describe, expect, it } from "vitest";
import { driverContext } from "../testing/context.js";
import { describeHeartbeatPort } from "../testing/heartbeat-conformance.js";
import { never } from "../testing/port-rig.js";
import { lacksSshd, startSshd } from "../testing/sshd.js";
import { driver } from "./ssh-banner.js";

const open = (options: object) => openDriver(driver, options, driverContext());

/** Who says something else than an SSH server does. */
async function saying(say: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    say(socket);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    options: { host: "127.0.0.1", port, waitMs: 300 },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

describe.skipIf(lacksSshd("heartbeat/ssh-banner"))(
  "the greeting of OpenSSH",
  { timeout: 60_000 },
  () => {
    describeHeartbeatPort("ssh-banner", async () => {
      const sshd = await startSshd();
      return {
        open: (context) =>
          openDriver(driver, { host: "127.0.0.1", port: sshd.port, waitMs: 4000 }, context),
        live: (alive) => (alive ? sshd.start() : sshd.stop()),
        [Symbol.asyncDispose]: () => sshd[Symbol.asyncDispose](),
      };
    });

    it("says what it heard, and is not fooled by a kernel whose programs hang", async () => {
      await using sshd = await startSshd();
      await using port = await open({ host: "127.0.0.1", port: sshd.port, waitMs: 4000 });
      expect(port.proves).toBe("service");
      expect(await port.read(never)).toMatchObject({
        alive: true,
        detail: expect.stringMatching(/^It says "SSH-2\.0-OpenSSH_[^"]+"\.$/) as string,
      });
      sshd.freeze(true);
      expect(await port.read(never)).toEqual({
        alive: false,
        detail: "Its kernel accepts the connection, and no greeting comes.",
      });
      sshd.freeze(false);
      expect(await port.read(never)).toMatchObject({ alive: true });
    });
  },
);

describe("ssh-banner", () => {
  it("waits for the end of lines that come before, torn as they may be", async () => {
    await using server = await saying((socket) => {
      socket.write("Welcome.\r\nSSH-");
      setTimeout(() => socket.write("2.0-dropbear_2022.83\r"), 20);
      setTimeout(() => socket.write("\n"), 40);
    });
    await using port = await open(server.options);
    expect(await port.read(never)).toMatchObject({
      alive: true,
      detail: 'It says "SSH-2.0-dropbear_2022.83".',
    });
  });

  it.each<[string, (socket: Socket) => void, string]>([
    ["says something else", (socket) => socket.end("HTTP/1.1 400 No\r\n\r\n"), '"HTTP/1.1 400 No"'],
    ["says half of it and closes", (socket) => socket.end("SSH-2.0"), '"SSH-2.0"'],
    ["closes at once", (socket) => socket.end(), "without a word"],
    ["resets", (socket) => socket.resetAndDestroy(), "reset|without a word"],
    ["says half of it and no more", (socket) => socket.write("SSH-2.0-"), "no greeting"],
    [
      "never stops",
      (socket) => socket.write(Buffer.alloc(100_000, "\u0007")),
      "Something else answers",
    ],
  ])("does not take for a host that lives one who %s", async (_, say, words) => {
    await using server = await saying(say);
    await using port = await open(server.options);
    const { alive, detail } = await port.read(never);
    expect(alive).toBe(false);
    expect(detail).toMatch(new RegExp(words));
    expect(detail).not.toContain("\u0007");
  });
});
