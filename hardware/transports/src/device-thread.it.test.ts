import { setEnvironmentData } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { DeviceFiles, DeviceThreads } from "./device-thread.js";

/** In the place of the system: opening `/stuck` blocks the thread until somebody lets it go. */
const gate = new Int32Array(new SharedArrayBuffer(4));
const PROGRAM = `
import { getEnvironmentData, parentPort } from "node:worker_threads";
const gate = getEnvironmentData("gate");
parentPort.on("message", (call) => {
  if (call.path === "/stuck") Atomics.wait(gate, 0, 0);
  parentPort.postMessage(call.path === "/missing" ? { result: -1, errno: 2 } : { result: 7 });
});
parentPort.postMessage("online");
`;

describe("DeviceThreads", () => {
  it("let no device wait for another that is stuck, and keep the order of each", async () => {
    setEnvironmentData("gate", gate);
    const threads = new DeviceThreads(
      new URL(`data:text/javascript,${encodeURIComponent(PROGRAM)}`),
    );
    const [hanging, other] = [new DeviceFiles(threads), new DeviceFiles(threads)];
    const done: string[] = [];
    const stuck = hanging.open("/stuck").then(() => done.push("stuck"));
    const behind = hanging.open("/behind").then(() => done.push("behind"));
    expect(await other.open("/fine")).toBe(7);
    await expect(other.open("/missing")).rejects.toMatchObject({
      name: "DeviceError",
      code: "ENOENT",
    });
    expect(done).toEqual([]);
    Atomics.store(gate, 0, 1);
    Atomics.notify(gate, 0);
    await Promise.all([stuck, behind]);
    expect(done).toEqual(["stuck", "behind"]);
  });
});
