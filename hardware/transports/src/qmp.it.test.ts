import type { Socket } from "node:net";
import type { PortError } from "@outrider/ports/port-error";
import { ManualClock } from "@outrider/ports/testing/manual-clock";
import { seconds, type Clock } from "@outrider/ports/time";
import { describe, expect, it } from "vitest";
import { QmpLink } from "./qmp.js";
import { peer } from "./testing/hostile-peer.js";
import { haveQemu, startQemu } from "./testing/qemu.js";

const GREETING = '{"QMP": {"version": {}, "capabilities": []}}\r\n';
const OK = '{"return": {}, "id": 1}\r\n';
const forever = new AbortController().signal;

function linkTo({ path }: { path: string }, clock: Clock = new ManualClock()): QmpLink {
  return new QmpLink({ path, name: "The virtual machine", clock });
}

function run(link: QmpLink, command: string, signal = forever): Promise<unknown> {
  return link.execute(command, undefined, seconds(5), signal);
}

function failure(promise: Promise<unknown>): Promise<PortError> {
  return promise.then(
    () => expect.unreachable("the command succeeded"),
    (error: unknown) => error as PortError,
  );
}

/** Counts calls; resolves when there have been so many. */
function counter() {
  let count = 0;
  const looking = new Set<() => void>();
  return {
    count: () => count,
    call: (): void => {
      count++;
      for (const look of looking) look();
    },
    reaches: (wanted: number): Promise<void> =>
      new Promise((resolve) => {
        const look = (): void => {
          if (count < wanted) return;
          looking.delete(look);
          resolve();
        };
        looking.add(look);
        look();
      }),
  };
}

/** Writes each byte on its own, so that messages and characters come in pieces. */
function piecemeal(socket: Socket, text: string): void {
  for (const byte of Buffer.from(text)) socket.write(Buffer.of(byte));
}

describe.skipIf(!haveQemu())("QmpLink and QEMU", () => {
  it("asks and is answered, many at once", async () => {
    await using qemu = await startQemu();
    using link = linkTo(qemu);
    const answers = await Promise.all(
      ["query-status", "query-version", "query-status"].map((command) => run(link, command)),
    );
    expect(answers[0]).toMatchObject({ status: "running" });
    expect(answers[1]).toMatchObject({ qemu: { major: expect.any(Number) as number } });
    expect(answers[2]).toEqual(answers[0]);
  });

  it("tells a command that QEMU does not know from one that it refuses", async () => {
    await using qemu = await startQemu();
    using link = linkTo(qemu);
    expect(await failure(run(link, "make-coffee"))).toMatchObject({ code: "unsupported" });
    const refused = await failure(link.execute("eject", { id: "no" }, seconds(5), forever));
    expect(refused).toMatchObject({ code: "refused" });
    expect(refused.message).toContain(qemu.path);
  });

  it("hears events beside its own commands, over one connection", async () => {
    await using qemu = await startQemu();
    using link = linkTo(qemu);
    const changes = counter();
    using _watch = link.watch(new Set(["STOP"]), changes.call);
    await changes.reaches(1);
    await run(link, "stop");
    await changes.reaches(2);
    expect(await run(link, "query-status")).toMatchObject({ status: "paused" });
    // RESUME was not asked for.
    await run(link, "cont");
    await run(link, "query-status");
    expect(changes.count()).toBe(2);
  });

  it("is unreachable once QEMU is killed, with the path", async () => {
    await using qemu = await startQemu();
    using link = linkTo(qemu);
    await run(link, "query-status");
    await qemu.kill();
    const error = await failure(run(link, "query-status"));
    expect(error).toMatchObject({ name: "PortError", code: "unreachable" });
    expect(error.message).toContain(qemu.path);
  });
});

describe("QmpLink", () => {
  it("is unreachable where there is no socket, and where the socket is closed at once", async () => {
    using absent = linkTo({ path: "/nonexistent/slot-1.qmp" });
    expect(await failure(run(absent, "query-status"))).toMatchObject({
      code: "unreachable",
      cause: { code: "ENOENT" },
    });
    await using off = await peer((socket) => socket.end());
    using link = linkTo(off);
    expect(await failure(run(link, "query-status"))).toMatchObject({ code: "unreachable" });
  });

  it.each([
    ["garbage", "SSH-2.0-OpenSSH_9.2\r\n"],
    ["JSON that is no object", "[]\r\nnull\r\n"],
    ["an answer that nobody asked for", `${GREETING}{"return": {}, "id": 77}\r\n`],
    ["a line without end", "x".repeat(1_100_000)],
  ])("says that it is no QMP: %s", async (_, text) => {
    await using other = await peer((socket) => socket.write(text));
    using link = linkTo(other);
    expect(await failure(run(link, "query-status"))).toMatchObject({ code: "protocol" });
  });

  it("reads messages whatever pieces they come in", async () => {
    await using device = await peer(
      (socket) => piecemeal(socket, GREETING),
      (socket, text) => {
        for (const [, id] of text.matchAll(/"id":(\d+)/g)) {
          piecemeal(
            socket,
            `{"event": "STOP"}\r\n\r\n{"return": {"status": "ä€"}, "id": ${id}}\r\n`,
          );
        }
      },
    );
    using link = linkTo(device);
    expect(await run(link, "query-status")).toEqual({ status: "ä€" });
  });

  it("is timed out by a silent greeting, and starts anew the next time", async () => {
    await using device = await peer(
      (socket, nth) => {
        if (nth > 1) socket.write(GREETING);
      },
      (socket, text) => {
        for (const [, id] of text.matchAll(/"id":(\d+)/g)) {
          socket.write(`{"return": {"status": "running"}, "id": ${id}}\n`);
        }
      },
    );
    const clock = new ManualClock();
    using link = linkTo(device, clock);
    const error = failure(run(link, "query-status"));
    await expect.poll(() => device.connections()).toBe(1);
    clock.advance(5000);
    expect(await error).toMatchObject({ code: "timed-out" });
    expect(await run(link, "query-status")).toEqual({ status: "running" });
  });

  it("is timed out by a command that stays unanswered, and sends it once", async () => {
    await using device = await peer(
      (socket) => socket.write(GREETING),
      (socket, text) => {
        if (text.includes("qmp_capabilities")) socket.write(OK);
      },
    );
    const clock = new ManualClock();
    using link = linkTo(device, clock);
    const error = failure(run(link, "system_reset"));
    await device.receives("system_reset");
    clock.advance(5000);
    expect(await error).toMatchObject({ code: "timed-out" });
    expect(device.received().match(/system_reset/g)).toHaveLength(1);
    expect(clock.sleeping).toBe(0);
  });

  it("does not send a command that was given up while it connected", async () => {
    const connected: Socket[] = [];
    await using device = await peer(
      (socket) => connected.push(socket),
      (socket, text) => {
        for (const [, id] of text.matchAll(/"id":(\d+)/g)) {
          socket.write(`{"return": {}, "id": ${id}}\n`);
        }
      },
    );
    using link = linkTo(device);
    const caller = new AbortController();
    const reason = new Error("the agent stops");
    const reset = failure(run(link, "system_reset", caller.signal));
    const status = run(link, "query-status");
    caller.abort(reason);
    expect(await reset).toBe(reason);
    await expect.poll(() => device.connections()).toBe(1);
    connected[0]?.write(GREETING);
    await status;
    expect(device.received()).not.toContain("system_reset");
  });

  it("keeps watching: calls back when the device is lost and when it is back", async () => {
    await using device = await peer(
      (socket) => socket.write(GREETING),
      (socket, text, nth) => {
        if (text.includes("qmp_capabilities")) socket.write(OK);
        if (text.includes("quit") && nth === 1) socket.destroy();
      },
    );
    const clock = new ManualClock();
    using link = linkTo(device, clock);
    const changes = counter();
    using _watch = link.watch(new Set(["STOP"]), changes.call);
    await changes.reaches(1);
    await failure(run(link, "quit"));
    await changes.reaches(2);
    await expect.poll(() => clock.sleeping).toBe(1);
    clock.advance(250);
    await changes.reaches(3);
    expect(device.connections()).toBe(2);
  });

  it("leaves nothing behind when it is disposed", async () => {
    await using device = await peer(
      (socket) => socket.write(GREETING),
      (socket, text) => {
        if (text.includes("qmp_capabilities")) socket.write(OK);
      },
    );
    const clock = new ManualClock();
    const link = linkTo(device, clock);
    const changes = counter();
    link.watch(new Set(["STOP"]), changes.call);
    await changes.reaches(1);
    const waiting = failure(run(link, "query-status"));
    await device.receives("query-status");
    link[Symbol.dispose]();
    expect(await waiting).toMatchObject({ code: "unreachable" });
    expect(changes.count()).toBe(1);
    expect(clock.sleeping).toBe(0);
  });
});
