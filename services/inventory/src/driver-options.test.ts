import type { DescribedDriver } from "@outrider/contracts/agent";
import { agentId } from "@outrider/contracts/ids";
import { describe, expect, it } from "vitest";
import { driverProblems } from "./driver-options.js";
import { describeNode } from "./node-description.js";
import { readSite } from "./site-file.js";
import { problemText } from "./site-problem.js";

const QEMU: DescribedDriver = {
  port: "power",
  driver: "qemu",
  summary: "A slot of a chassis.",
  actions: ["On", "ForceOff", "PowerCycle", "PushPowerButton"],
  options: {
    $schema: "http://json-schema.org/draft-07/schema#",
    type: "object",
    properties: { directory: { type: "string" }, slot: { type: "integer", minimum: 1 } },
    required: ["directory", "slot"],
    additionalProperties: false,
  },
};
const SOCKET: DescribedDriver = {
  ...QEMU,
  driver: "simulated",
  actions: ["On", "ForceOff"],
  options: {
    type: "object",
    properties: { url: { type: "string" }, socket: { type: "string" } },
    oneOf: [{ required: ["url"] }, { required: ["socket"] }],
    additionalProperties: false,
  },
};

const site = (...nodes: string[]): ReturnType<typeof readSite> =>
  readSite(["site: lab", "agents: { a: {}, b: {} }", "nodes:", ...nodes].join("\n"), "site.yaml");

const problems = (drivers: DescribedDriver[], ...nodes: string[]): string[] => {
  const read = site(...nodes);
  return driverProblems(read, agentId("a"), drivers).map((one) => problemText(read.file, one));
};

describe("the endpoints of an agent, held against its drivers", () => {
  it("are right when their options fit the drivers' schemas", () => {
    expect(
      problems(
        [QEMU, SOCKET],
        "  n1: { power: { agent: a, driver: qemu, options: { directory: /c, slot: 1 } }, wake: button }",
        "  n2: { power: { agent: a, driver: simulated, options: { socket: /r } } }",
        "  n3: { power: { agent: b, driver: nobody-knows } }",
      ),
    ).toEqual([]);
  });

  it("name the drivers that there are", () => {
    expect(
      problems([SOCKET, QEMU], "  n1:", "    power:", "      agent: a", "      driver: gpoi"),
    ).toEqual([
      "site.yaml:7: nodes.n1.power.driver: unknown driver 'gpoi' of agent a; expected one of qemu, simulated",
    ]);
    expect(problems([QEMU], "  n1: { reset: { agent: a, driver: qemu } }")).toEqual([
      "site.yaml:4: nodes.n1.reset.driver: unknown driver 'qemu' of agent a; expected none: it has no driver for reset",
    ]);
  });

  it("tell every wrong option by its line", () => {
    expect(
      problems(
        [QEMU, SOCKET],
        "  n1:",
        "    power:",
        "      agent: a",
        "      driver: qemu",
        "      options:",
        "        slot: 0",
        "        port: 1",
        "  n2: { power: { agent: a, driver: simulated, options: {} } }",
      ).toSorted(),
    ).toEqual([
      "site.yaml:10: nodes.n1.power.options.port: unknown key 'port'; expected one of directory, slot",
      "site.yaml:11: nodes.n2.power.options: must have exactly one of url, socket",
      "site.yaml:8: nodes.n1.power.options: directory is missing",
      "site.yaml:9: nodes.n1.power.options.slot: '0' must be >= 1",
    ]);
  });

  it("need something that can press the button of a node that is woken by it", () => {
    expect(
      problems(
        [SOCKET],
        "  n1: { wake: button, power: { agent: a, driver: simulated, options: { url: x } } }",
      ),
    ).toEqual([
      "site.yaml:4: nodes.n1.wake: driver simulated of agent a cannot press the button; " +
        "declare a button interface, or supply-cycle",
    ]);
  });

  it("are refused, and nothing breaks, when the agent's schema is none", () => {
    const broken = { ...QEMU, options: { type: "nonsense" } };
    expect(problems([broken], "  n1: { power: { agent: a, driver: qemu } }")).toEqual([
      expect.stringMatching(
        /^site\.yaml:4: nodes\.n1\.power\.driver: the agent describes the options of qemu by a schema/,
      ),
    ]);
  });
});

describe("the description of a node", () => {
  const [node] = site(
    "  n1: { gracefulLimit: 30s, power: { agent: a, driver: qemu, options: { directory: /c, slot: 1 } } }",
  ).nodes;
  if (!node) throw new Error("the site has a node");
  const endpoint = {
    endpoint: node.endpoints[0]?.endpoint ?? ("" as never),
    node: node.id,
    port: "power",
    driver: "qemu",
    state: "bound",
    actions: QEMU.actions,
  } as const;

  it("supports nothing before its agent has spoken", () => {
    expect(describeNode(node, () => undefined)).toEqual({
      id: "n1",
      name: "n1",
      roles: [],
      labels: {},
      supportedActions: [],
      gracefulLimitMs: 30_000,
      interfaces: { power: [{ agent: "a", endpoint: "n1.power", driver: "qemu" }] },
    });
  });

  it("supports what its endpoints can do", () => {
    const described = describeNode(node, () => ({ ...endpoint, actions: [...endpoint.actions] }));
    expect(described.supportedActions).toEqual([
      "On",
      "ForceOff",
      "GracefulShutdown",
      "GracefulRestart",
      "ForceRestart",
      "PowerCycle",
      "PushPowerButton",
    ]);
    expect(described.interfaces.power?.[0]?.actions).toEqual(QEMU.actions);
  });

  it("takes nothing from the driver that stood there before", () => {
    const described = describeNode(node, () => ({
      ...endpoint,
      driver: "simulated",
      actions: ["On"],
    }));
    expect(described.supportedActions).toEqual([]);
  });
});
