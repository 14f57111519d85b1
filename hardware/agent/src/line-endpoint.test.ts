import { setImmediate as turn } from "node:timers/promises";
import { commandId, endpointId, nodeId } from "@outrider/contracts/ids";
import { ManualClock } from "@outrider/ports/testing/manual-clock";
import { describe, expect, it } from "vitest";
import type { Activity } from "./endpoint.js";
import { ResetEndpoint } from "./line-endpoint.js";
import { line } from "./testing/drivers/reset/pulsed.js";
import { noPrograms } from "./testing/no-programs.js";
import { noSecrets } from "./testing/no-secrets.js";

const log = { debug() {}, info() {}, warn() {}, error() {}, with: () => log };

describe("the end of a pulse", () => {
  it("is seen to when the agent stops in its middle, before the line is let go", async () => {
    const clock = new ManualClock();
    const overtaken: string[] = [];
    const endpoint = new ResetEndpoint(
      {
        desired: {
          endpoint: endpointId("n1", "reset"),
          node: nodeId("n1"),
          port: "reset",
          driver: "pulsed",
          options: {},
          restore: "None",
          dwellMs: 100,
          sampleEveryMs: 1000,
          staleAfterMs: 3000,
        },
        memory: undefined,
        clock,
        log,
        journal: { remember: async () => {}, recordStep: async () => {} },
        drivers: new URL("./testing/drivers/", import.meta.url),
        secrets: noSecrets,
        programs: noPrograms,
      },
      { gate: { commanded() {} }, overtakes: (_, action) => void overtaken.push(action) },
    );
    await endpoint.open(new AbortController().signal);
    expect(endpoint.actions).toEqual(["ForceRestart"]);
    endpoint.accepted("ForceRestart");
    expect(overtaken).toEqual(["ForceRestart"]);
    const activity: Activity = {
      what: "a reset",
      interruptible: false,
      controller: new AbortController(),
    };
    const reason = new Error("the agent stops");
    const executing = endpoint.execute({
      command: { id: commandId("1"), action: "ForceRestart", actor: "person:ada", via: "cli" },
      activity,
      before: "On",
      recordStep: async () => {},
      startByMs: 1000,
      mayStart: () => true,
      progress: () => {},
    });
    await turn();
    expect(line).toEqual(["pulled"]);
    activity.controller.abort(reason);
    await expect(executing).rejects.toBe(reason);
    const closing = endpoint.close();
    await turn();
    expect(line).toEqual(["pulled"]);
    clock.advance(500);
    await closing;
    expect(line).toEqual(["pulled", "released", "disposed"]);
  });
});
