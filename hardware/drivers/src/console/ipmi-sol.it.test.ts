import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Driver } from "@outrider/ports/driver";
import { mustSkip } from "@outrider/simulators/peers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describeConsolePort } from "../testing/console-conformance.js";
import { ConsoleRecorder, forever, openConsole, type ConsoleRig } from "../testing/console-rig.js";
import { freePort, type ForeignProcess } from "../testing/foreign-process.js";
import { IPMI_SIM_USER, startIpmiSim } from "../testing/ipmi-sim.js";
import { driver } from "./ipmi-sol.js";

const skip = mustSkip("consoles by serial over LAN", {
  ipmi_sim: "openipmi",
  ipmitool: "ipmitool",
});
const PASSWORD = { file: "/etc/outrider/bmc" };
const SOON = { timeout: 20_000, interval: 20 };

interface SolRig extends ConsoleRig {
  readonly port: number;
}

function foreignSession(port: number): string[] {
  const session = ["-I", "lanplus", "-H", "127.0.0.1", "-p", String(port)];
  return [...session, "-U", IPMI_SIM_USER.username, "-E", "-C", "3", "-L", "ADMINISTRATOR"];
}

const shipped: Driver<"console"> = driver;

/** ipmi_sim, whose serial port is a connection that ends here. It answers `ping` with `pong`. */
async function startRig(): Promise<SolRig> {
  const dir = mkdtempSync(join(tmpdir(), "or-"));
  const heard: Buffer[] = [];
  const wires = new Set<Socket>();
  const far = createServer((socket) => {
    wires.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => wires.delete(socket));
    socket.on("data", (bytes: Buffer) => {
      heard.push(bytes);
      if (bytes.includes("ping")) socket.write("pong");
    });
  });
  far.listen(0, "127.0.0.1");
  await once(far, "listening");
  const wire = `tcp:127.0.0.1:${(far.address() as AddressInfo).port}`;
  const port = await freePort();
  const start = (): Promise<ForeignProcess> =>
    startIpmiSim({ dir, port, lan: [`sol "${wire}" 115200`] });
  let sim: ForeignProcess | undefined = await start();
  let sessions = 0;
  let muted = false;
  /**
   * ipmi_sim remembers the number of the last packet that it took beyond the end of a session, and takes the first one
   * of the next session for a repeat where that has the same (last_acked_packet of lanserv/sol.c). Here a session ends
   * with another number than the first one's.
   */
  const settle = async (): Promise<void> => {
    if (!sim || muted) return;
    sessions += 1;
    const tail = `|${sessions}|`;
    const child = spawn("ipmitool", [...foreignSession(port), "sol", "activate"], {
      env: { ...process.env, IPMI_PASSWORD: IPMI_SIM_USER.password },
      stdio: ["pipe", "ignore", "ignore"],
    });
    child.stdin.on("error", () => {});
    child.stdin.end("x".repeat(600) + tail);
    const [code] = (await once(child, "close")) as [number | null];
    // Not let in where a test has a session open.
    if (code !== 0) return;
    await expect
      .poll(() => Buffer.concat(heard).toString("latin1").endsWith(tail), SOON)
      .toBe(true);
  };
  return {
    driver: {
      ...shipped,
      open: async (...given) => {
        await settle();
        return shipped.open(...given);
      },
    },
    port,
    options: () => ({
      host: "127.0.0.1",
      port,
      username: IPMI_SIM_USER.username,
      password: PASSWORD,
      cipherSuite: 3,
      privilege: "ADMINISTRATOR",
    }),
    secrets: { [PASSWORD.file]: IPMI_SIM_USER.password },
    address: `127.0.0.1:${port}`,
    exclusive: true,
    dialogue: { type: "ping", expect: /pong/ },
    say: async (bytes) => {
      for (const socket of wires) socket.write(bytes);
    },
    heard: async () => Buffer.concat(heard),
    lose: async () => {
      await sim?.stop("SIGKILL");
      sim = undefined;
    },
    restore: async () => {
      sim = await start();
    },
    mute: async () => {
      const pid = sim?.pid ?? 0;
      process.kill(pid, "SIGSTOP");
      muted = true;
      return {
        [Symbol.asyncDispose]: async () => {
          process.kill(pid, "SIGCONT");
          muted = false;
        },
      };
    },
    [Symbol.asyncDispose]: async () => {
      await sim?.stop();
      for (const socket of wires) socket.destroy();
      far.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

describe.skipIf(skip)("ipmi_sim", () => {
  describeConsolePort("ipmi-sol", startRig);

  describe("ipmi-sol", { timeout: 60_000 }, () => {
    let rig: SolRig;
    beforeAll(async () => {
      rig = await startRig();
    });
    afterAll(() => rig[Symbol.asyncDispose]());

    async function opened(options: object = {}) {
      const port = await openConsole({
        ...rig,
        options: () => ({ ...rig.options(), ...options }),
      });
      const recorder = new ConsoleRecorder();
      port.start(recorder);
      return { port, recorder, [Symbol.asyncDispose]: () => port[Symbol.asyncDispose]() };
    }

    it("types what ipmitool would take for its orders", async () => {
      await using line = await opened();
      await expect.poll(() => line.recorder.up, SOON).toBe(true);
      const before = (await rig.heard?.())?.length ?? 0;
      const typed = "~.\r~.\n~B\r\n~~?\r~\u001a~";
      // In pieces, too: the begin of a line is remembered.
      for (const one of typed) await line.port.write(Buffer.from(one), forever);
      const hears = async (): Promise<string | undefined> =>
        (await rig.heard?.())?.subarray(before).toString("latin1");
      await expect.poll(hears, SOON).toBe(typed);
      expect(line.recorder.up).toBe(true);
      expect(line.recorder.text).not.toContain("SOL Session");
    });

    it("takes over a session only when it was told to", async () => {
      await using first = await opened();
      await expect.poll(() => first.recorder.up, SOON).toBe(true);
      await using second = await opened();
      await expect.poll(() => second.recorder.links.length, SOON).toBe(1);
      expect(second.recorder.links[0]?.detail).toContain("somebody else has its console");
      await second.port[Symbol.asyncDispose]();
      await using third = await opened({ takeOver: true });
      await expect.poll(() => third.recorder.up, SOON).toBe(true);
      await third.port.write(Buffer.from("ping"), forever);
      await expect.poll(() => third.recorder.text, SOON).toContain("pong");
    });

    it("says that user or password may be wrong, and neither of them", async () => {
      const secrets = { [PASSWORD.file]: "canary-not-let-in" };
      await using port = await openConsole({ ...rig, secrets });
      const recorder = new ConsoleRecorder();
      port.start(recorder);
      await expect.poll(() => recorder.links.length, SOON).toBe(1);
      const { detail } = recorder.links[0] ?? {};
      expect(detail).toContain("user and password are right");
      expect(detail).not.toContain("canary");
    });

    it("has the password in no argument, and leaves no ipmitool behind", async () => {
      const ours = (): string[] =>
        readdirSync("/proc")
          .filter((entry) => /^\d+$/.test(entry))
          .flatMap((pid) => {
            try {
              return [readFileSync(`/proc/${pid}/cmdline`, "utf8")];
            } catch {
              return [];
            }
          })
          .filter((line) => line.startsWith("ipmitool") && line.includes(String(rig.port)));
      const line = await opened();
      await expect.poll(() => line.recorder.up, SOON).toBe(true);
      expect(ours()).toHaveLength(1);
      expect(ours().join()).not.toContain(IPMI_SIM_USER.password);
      await line[Symbol.asyncDispose]();
      expect(ours()).toEqual([]);
    });
  });
});
