import { describe, expect, it } from "vitest";
import { agentId, nodeId } from "@outrider/contracts/ids";
import { check } from "@outrider/contracts/codec";
import { ConsolePolicies } from "@outrider/contracts/console";
import { policiesOf } from "./console-policies.js";
import { desiredEndpoints } from "./desired.js";
import { describeNode } from "./node-description.js";
import { readSite } from "./site-file.js";

const SITE = String.raw`
site: lab
agents: { rack-a: {} }
nodes:
  n1:
    roles: [storage, slow]
    restore: AlwaysOn
    power: { agent: rack-a, driver: qemu, options: { slot: 1 } }
    console: { agent: rack-a, driver: serial, options: { path: /dev/ttyUSB0, baudRate: 115200 } }
    terminal:
      telnet: 2301
      raw: 2401
      rfc2217: 2501
      log: { maxBytes: 1GB }
      paste: { character: 2ms }
      breaks: { sun: '\b\d++' }
  n2:
    roles: [storage]
    console: { agent: rack-a, driver: serial, options: { path: /dev/ttyUSB1 } }
  n3:
    power: { agent: rack-a, driver: qemu, options: { slot: 3 } }
roles:
  storage:
    terminal: { log: { maxAge: 30d }, writerIdle: 10m, breaks: { sun: '\b', cisco: '\b\x1e' } }
  slow:
    terminal: { writerIdle: 1m, sessionIdle: 1h, paste: { line: 50ms, character: 20ms } }
consoleRules:
  dead:
    sign: panic
    actions: [event, { sysrq: [sync, show-tasks] }, { power: PowerCycle }]
    nodes: "@storage"
    maxPowerActions: 1
  disk: { pattern: 'I/O error, dev \w+', actions: [event, capture], severity: error, cooldown: 10m }
  quiet: { silence: 5m, actions: [event], nodes: "n[1-3]" }
  login: { pattern: 'Accepted publickey', actions: [] }
`;
const site = readSite(SITE, "site.yaml");

describe("consoles of a site", () => {
  const policies = policiesOf(site);

  it("are published with what the node says, else its first role that says it, else the default", () => {
    expect(policies.nodes).toEqual({
      n1: {
        agent: "rack-a",
        driver: "serial",
        telnetPort: 2301,
        rawPort: 2401,
        rfc2217Port: 2501,
        logMaxBytes: 1e9,
        logMaxAgeMs: 30 * 86_400_000,
        writerIdleMs: 600_000,
        sessionIdleMs: 3_600_000,
        pasteLineMs: 50,
        pasteCharacterMs: 2,
        breakSequences: { sun: String.raw`\b\d++`, cisco: String.raw`\b\x1e` },
      },
      n2: {
        agent: "rack-a",
        driver: "serial",
        logMaxBytes: 256 * 2 ** 20,
        logMaxAgeMs: 30 * 86_400_000,
        writerIdleMs: 600_000,
        sessionIdleMs: 0,
        pasteLineMs: 0,
        pasteCharacterMs: 0,
        breakSequences: { sun: String.raw`\b`, cisco: String.raw`\b\x1e` },
      },
    });
  });

  it("have the declared rules with every default filled in", () => {
    expect(policies.rules).toMatchObject({
      dead: {
        sign: "panic",
        severity: "critical",
        actions: [
          { kind: "event" },
          { kind: "sysrq", sysrq: ["sync", "show-tasks"] },
          { kind: "power", action: "PowerCycle" },
        ],
        cooldownMs: 60_000,
        maxPowerActions: 1,
        nodes: ["n1", "n2"],
      },
      disk: { pattern: String.raw`I/O error, dev \w+`, severity: "error", cooldownMs: 600_000 },
      quiet: { silenceMs: 300_000, severity: "warning", maxPowerActions: 3 },
    });
    expect(policies.rules["disk"]).not.toHaveProperty("nodes");
  });

  it("keep the rule of each sign that no rule is about and none is called like", () => {
    expect(Object.keys(policies.rules)).toEqual([
      "dead",
      "disk",
      "quiet",
      "login",
      "oom-kill",
      "under-voltage",
      "halted",
      "oops",
    ]);
    const bare = policiesOf(readSite("site: lab\nagents: {}\nnodes: {}\n", "site.yaml"));
    expect(bare.nodes).toEqual({});
    expect(bare.rules["panic"]).toEqual({
      sign: "panic",
      severity: "critical",
      actions: [{ kind: "event" }, { kind: "capture" }],
      cooldownMs: 60_000,
      maxPowerActions: 3,
    });
    expect(Object.entries(bare.rules).map(([id, { severity }]) => `${id} ${severity}`)).toEqual([
      "panic critical",
      "oom-kill error",
      "under-voltage warning",
      "login info",
      "halted info",
      "oops error",
    ]);
  });

  it("are published in a form that the contract takes", () => {
    expect(check(ConsolePolicies, policies, true)).toMatchObject({ ok: true });
  });

  it("are endpoints of their agents that restore nothing and count for no supply", () => {
    const desired = desiredEndpoints(site, agentId("rack-a"));
    expect(desired.find(({ endpoint }) => endpoint === "n1.console")).toEqual({
      endpoint: "n1.console",
      node: "n1",
      port: "console",
      driver: "serial",
      options: { path: "/dev/ttyUSB0", baudRate: 115200 },
      restore: "None",
      dwellMs: 5000,
      sampleEveryMs: 2000,
      staleAfterMs: 10_000,
    });
    expect(desired.find(({ endpoint }) => endpoint === "n1.power")?.restore).toBe("AlwaysOn");
  });

  it("are interfaces of their nodes, with what they can do once the agent has said so", () => {
    const [n1] = site.nodes;
    if (!n1) throw new Error("the site has nodes");
    const { interfaces } = describeNode(n1, (_, endpoint) =>
      endpoint === "n1.console"
        ? {
            endpoint,
            node: nodeId("n1"),
            port: "console",
            driver: "serial",
            state: "bound",
            actions: ["GracefulShutdown"],
          }
        : undefined,
    );
    expect(interfaces.console).toEqual([
      {
        agent: "rack-a",
        endpoint: "n1.console",
        driver: "serial",
        actions: ["GracefulShutdown"],
      },
    ]);
  });

  it("are warned of where a rule watches or acts on what is not there", () => {
    expect(site.warnings.map(({ line, path, message }) => `${line} ${path} ${message}`)).toEqual([
      "30 consoleRules.dead.actions node n2 has no power interface, so PowerCycle may be refused there",
      "34 consoleRules.quiet.nodes node n3 has no console, so nothing is watched there",
    ]);
  });

  it("are refused where a message could not hold what is declared of them", () => {
    const nodes = Array.from({ length: 9000 }, (_, at) => `  n${at}: {}`).join("\n");
    const rules = Array.from(
      { length: 100 },
      (_, at) => `  r${at}: { sign: oops, actions: [event], nodes: "@all" }`,
    ).join("\n");
    const text = `site: lab\nagents: {}\nnodes:\n${nodes}\nconsoleRules:\n${rules}\n`;
    expect(() => readSite(text, "site.yaml")).toThrow(
      "consoleRules: what is declared of consoles has more than 4194304 bytes",
    );
  });

  it("may not be served on a port of this deployment, whatever it is", () => {
    const moved = new Map([[2301, "OUTRIDER_HTTP_PORT"]]);
    expect(() => readSite(SITE, "site.yaml", moved)).toThrow(
      "site.yaml:11: nodes.n1.terminal.telnet: port 2301 is Outrider's own by OUTRIDER_HTTP_PORT; expected a free one",
    );
  });
});
