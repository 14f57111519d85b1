import { CONSOLE_STAGES, type ConsoleState } from "@outrider/contracts/console";
import { agentId, endpointId, nodeId } from "@outrider/contracts/ids";
import type { Observation } from "@outrider/contracts/agent";
import type { Host, Supply } from "@outrider/contracts/power";
import { describe, expect, it } from "vitest";
import { hostByConsole } from "./console-evidence.js";
import { Nodes } from "./nodes.js";

const N1 = nodeId("n1");
const at = (second: number): string => `2026-11-23T00:00:${String(second).padStart(2, "0")}.000Z`;

function showing(
  stage: ConsoleState["stage"]["value"],
  since = at(30),
  link: ConsoleState["link"]["value"] = "Up",
): ConsoleState {
  return {
    link: { value: link, since: at(0) },
    stage: { value: stage, since },
    viewers: 0,
    observedAt: at(31),
    staleAfterMs: 9000,
  };
}

function observed(supply: Supply, host: Host): Observation {
  return {
    endpoint: endpointId("n1", "power"),
    supply,
    supplyEvidence: "ReadBack",
    supplySince: at(10),
    host,
    hostEvidence: host === "Unknown" ? "Assumed" : "SenseLine",
    hostSince: at(10),
    observedAt: at(30),
    staleAfterMs: 20_000,
  };
}

describe("what a console shows of its host", () => {
  const on = { supply: "On", supplySince: at(10) } as const;

  it("is that of a kernel that runs or has halted, and nothing for other stages", () => {
    const hosts = CONSOLE_STAGES.map((stage) => [stage, hostByConsole(showing(stage), on)?.value]);
    expect(Object.fromEntries(hosts)).toEqual({
      unknown: undefined,
      firmware: undefined,
      "boot-loader": undefined,
      kernel: "Running",
      init: "Running",
      login: "Running",
      halted: "Halted",
      panic: undefined,
    });
  });

  it("says by what it is known, since when, and how old it may become", () => {
    expect(hostByConsole(showing("halted"), on)).toEqual({
      value: "Halted",
      evidence: "Console",
      since: at(30),
      observedAt: at(31),
      staleAfterMs: 9000,
    });
  });

  it.each([
    ["its link is down", showing("halted", at(30), "Down"), on],
    ["its link is not known", showing("halted", at(30), "Unknown"), on],
    ["it was shown before the supply came on", showing("halted", at(9)), on],
    ["it was shown as the supply came on", showing("login", at(10)), on],
    ["the supply is off", showing("login"), { supply: "Off", supplySince: at(10) }],
    ["the supply is not known", showing("login"), { supply: "Unknown", supplySince: at(10) }],
  ] as const)("is nothing where %s", (_, state, supply) => {
    expect(hostByConsole(state, supply)).toBeUndefined();
  });
});

function nodes(wired: readonly ("power" | "console")[] = ["power", "console"]): Nodes {
  const all = new Nodes();
  all.describe(N1, {
    id: N1,
    name: "n1",
    roles: [],
    labels: {},
    supportedActions: [],
    gracefulLimitMs: 1000,
    interfaces: Object.fromEntries(
      wired.map((kind) => [
        kind,
        [{ agent: agentId("a"), endpoint: endpointId("n1", kind), driver: "simulated" }],
      ]),
    ),
  });
  return all;
}

describe("what is known of a host", () => {
  it("never comes from its console where the driver says it", () => {
    const known = nodes();
    known.see(observed("On", "Running"), 0);
    known.seeConsole(N1, showing("halted"), 0);
    expect(known.host(N1, 1)).toMatchObject({ value: "Running", evidence: "SenseLine" });
    expect(known.known(N1, 1)?.host).toBe("Running");
  });

  it("comes from its console where the driver does not, until that is stale (P9)", () => {
    const known = nodes();
    known.see(observed("On", "Unknown"), 0);
    known.seeConsole(N1, showing("login"), 0);
    expect(known.host(N1, 9000)).toMatchObject({ value: "Running", evidence: "Console" });
    expect(known.host(N1, 9001)).toMatchObject({ value: "Unknown", evidence: "Assumed" });
    known.seeConsole(N1, showing("halted"), 9002);
    expect(known.known(N1, 9003)?.host).toBe("Halted");
    known.seeConsole(N1, undefined, 9004);
    expect(known.known(N1, 9005)?.host).toBe("Unknown");
  });

  it("counts the age that a console’s state had when it came (P9)", () => {
    const known = nodes();
    known.see(observed("On", "Unknown"), 0);
    known.seeConsole(N1, showing("login"), 0, 8000);
    expect(known.host(N1, 1000)?.value).toBe("Running");
    expect(known.host(N1, 1001)?.value).toBe("Unknown");
  });

  it("does not come from its console while its supply is not seen: it may have been switched", () => {
    const known = nodes();
    known.seeConsole(N1, showing("login"), 0);
    expect(known.host(N1, 1)).toBeUndefined();
    known.see(observed("On", "Unknown"), 1);
    expect(known.host(N1, 2)?.value).toBe("Running");
    known.seeConsole(N1, showing("login"), 20_000);
    expect(known.host(N1, 20_002)).toBeUndefined();
  });

  it("comes from its console alone where no supply is driven", () => {
    const known = nodes(["console"]);
    known.seeConsole(N1, showing("halted"), 0);
    expect(known.host(N1, 1)).toMatchObject({ value: "Halted", evidence: "Console" });
  });
});
