import type { DescribedDriver } from "@outrider/contracts/agent";
import { agentId } from "@outrider/contracts/ids";
import { describe, expect, it } from "vitest";
import { driverProblems, unprovenDrivers } from "./driver-options.js";
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

  it("need something that sends the magic packet of a node that is woken by it", () => {
    const button = (driver: string, ...actions: string[]): DescribedDriver =>
      ({ ...QEMU, port: "button", driver, actions, options: {} }) as DescribedDriver;
    const drivers = [button("ssh", "GracefulShutdown"), button("wake-on-lan", "Wake")];
    const node = (driver: string): string =>
      `  n1: { wake: wol, button: { agent: a, driver: ${driver} } }`;
    expect(problems(drivers, node("wake-on-lan"))).toEqual([]);
    expect(problems(drivers, node("ssh"))).toEqual([
      "site.yaml:4: nodes.n1.wake: driver ssh of agent a sends no magic packet; " +
        "declare a button by the driver wake-on-lan",
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

describe("what drivers are made of", () => {
  const schema = (properties: object): Record<string, unknown> => ({
    type: "object",
    properties,
    additionalProperties: false,
  });
  const line = { chip: { type: "string" }, line: { type: "integer" } };
  const declared = { summary: "x", actions: [] };
  const GPIO: DescribedDriver[] = (["digital-output", "digital-input"] as const).map((port) => ({
    ...declared,
    port,
    driver: "gpio",
    options: schema(line),
    exclusive: ["chip", "line"],
    proof: "a guest",
  }));
  const needs = {
    output: { port: "digital-output", optional: false, summary: "pulls the reset line" },
    sense: { port: "digital-input", optional: true, summary: "sees the rail" },
  } as const;
  const PULSE: DescribedDriver = {
    ...declared,
    port: "reset",
    driver: "output-pulse",
    actions: ["ForceRestart"],
    options: schema({}),
    needs,
  };
  const all = [...GPIO, PULSE];
  const reset = (node: string, parts: string): string =>
    `  ${node}: { reset: { agent: a, driver: output-pulse, needs: { ${parts} } } }`;
  const gpio = (number: number): string =>
    `{ driver: gpio, options: { chip: pinctrl-rp1, line: ${number} } }`;

  it("is checked by the drivers of the parts", () => {
    expect(problems(all, reset("n1", `output: ${gpio(17)}, sense: ${gpio(18)}`))).toEqual([]);
    expect(problems(all, "  n1: { reset: { agent: a, driver: output-pulse } }")).toEqual([
      "site.yaml:4: nodes.n1.reset: needs.output is missing: driver reset/output-pulse needs a digital-output that pulls the reset line",
    ]);
    expect(problems(all, reset("n1", `output: ${gpio(17)}, outptu: ${gpio(18)}`))).toEqual([
      "site.yaml:4: nodes.n1.reset.needs.outptu: driver reset/output-pulse does not know this need; expected output (a digital-output), sense (a digital-input)",
    ]);
    expect(problems(all, reset("n1", "output: { driver: output-pulse }"))).toEqual([
      "site.yaml:4: nodes.n1.reset.needs.output.driver: unknown driver 'output-pulse' of agent a; expected one of gpio (it is a driver for reset)",
    ]);
    expect(problems(all, reset("n1", "output: { driver: gpio, options: { lien: 17 } }"))).toEqual([
      "site.yaml:4: nodes.n1.reset.needs.output.options.lien: unknown key 'lien'; expected one of chip, line",
    ]);
  });

  it("is taken by one endpoint alone, whichever way its line goes", () => {
    expect(
      problems(
        all,
        reset("n1", `output: ${gpio(17)}`),
        reset("n2", `output: ${gpio(18)}, sense: ${gpio(17)}`),
      ),
    ).toEqual([
      "site.yaml:5: nodes.n2.reset.needs.sense: takes the same chip, line by gpio as nodes.n1.reset.needs.output in line 4; expected a line, outlet or port of its own",
    ]);
  });

  describe("over a network", () => {
    const text = { type: "string" };
    const number = { type: "integer" };
    const POE: DescribedDriver = {
      ...declared,
      port: "power",
      driver: "snmp-poe",
      actions: ["On", "ForceOff"],
      options: schema({ host: text, udpPort: number, group: number, port: number }),
      exclusive: ["host", "udpPort", "group", "port"],
      exclusiveDefaults: { udpPort: 161, group: 1 },
      network: "host",
    };
    const PLUG: DescribedDriver = {
      ...POE,
      driver: "plug",
      options: schema({ url: text, channel: number }),
      exclusive: ["url", "channel"],
      exclusiveDefaults: { channel: 0 },
      network: "url",
    };
    const power = (node: string, agent: string, driver: string, options: string): string =>
      `  ${node}: { power: { agent: ${agent}, driver: ${driver}, options: { ${options} } } }`;

    it.each([
      [
        "a default written out",
        "a",
        "snmp-poe",
        "host: sw, port: 1",
        "host: sw, port: 1, group: 1",
      ],
      ["another default", "a", "snmp-poe", "host: sw, port: 1", "host: sw, port: 1, udpPort: 161"],
      ["another agent", "b", "snmp-poe", "host: sw, port: 1", "host: sw, port: 1"],
      ["another case", "b", "snmp-poe", "host: Sw.lan, port: 1", "host: sw.LAN., port: 1"],
      [
        "another way to write an address",
        "a",
        "snmp-poe",
        "host: 'fe80::1', port: 1",
        "host: 'FE80:0::1', port: 1",
      ],
      [
        "a default at another agent",
        "b",
        "plug",
        "url: 'http://p'",
        "url: 'https://P:443/', channel: 0",
      ],
    ])("is one thing for all agents, with %s", (_, other, driver, one, same) => {
      const problem = `takes the same ${driver === "plug" ? "url, channel" : "host, udpPort, group, port"} by ${driver} as nodes.n1.power in line 4; expected a line, outlet or port of its own`;
      const nodes = [power("n1", other, driver, one), power("n2", "a", driver, same)];
      expect(problems([POE, PLUG], ...nodes)).toEqual([`site.yaml:5: nodes.n2.power: ${problem}`]);
    });

    it.each([
      ["another port", "host: sw, port: 1", "host: sw, port: 2"],
      ["another unit", "host: sw, port: 1", "host: sw, port: 1, group: 2"],
      ["another device", "host: sw, port: 1", "host: sw2, port: 1"],
      ["each agent's own host", "host: 127.0.0.1, port: 1", "host: 127.0.0.1, port: 1"],
      ["each agent's own name for it", "host: localhost, port: 1", "host: LOCALHOST, port: 1"],
    ])("is another thing at %s", (_, one, other) => {
      expect(
        problems([POE], power("n1", "b", "snmp-poe", one), power("n2", "a", "snmp-poe", other)),
      ).toEqual([]);
    });

    it.each([
      ["its own host, which is not named", "qemu:///system", false],
      ["a host", "qemu+ssh://h/system", true],
    ])("is told apart where an address is that of %s", (_, uri, same) => {
      const machines: DescribedDriver = {
        ...PLUG,
        driver: "machines",
        options: schema({ uri: text, domain: text }),
        exclusive: ["uri", "domain"],
        exclusiveDefaults: {},
        network: "uri",
      };
      const vm = `uri: '${uri}', domain: vm1`;
      const nodes = [power("n1", "b", "machines", vm), power("n2", "a", "machines", vm)];
      expect(problems([machines], ...nodes)).toHaveLength(same ? 1 : 0);
    });

    it("is told of to the agent of the later endpoint alone, and lines of a host are its own", () => {
      const same = "host: sw, port: 1";
      const nodes = [power("n1", "a", "snmp-poe", same), power("n2", "b", "snmp-poe", same)];
      expect(problems([POE], ...nodes)).toEqual([]);
      const pulse = (node: string, agent: string): string =>
        `  ${node}: { reset: { agent: ${agent}, driver: output-pulse, needs: { output: ${gpio(17)} } } }`;
      expect(problems([...all, POE], pulse("n1", "b"), pulse("n2", "a"))).toEqual([]);
    });
  });

  describe("at something that only one driver can have", () => {
    const text = { type: "string" };
    const number = { type: "integer" };
    const at = (
      port: "console" | "digital-output",
      driver: string,
      resource: NonNullable<DescribedDriver["resource"]>,
    ): DescribedDriver => ({
      ...declared,
      port,
      driver,
      options: schema({
        path: text,
        host: text,
        port: number,
        bus: text,
        address: number,
        line: {},
      }),
      exclusive: [...resource.options, ...(port === "console" ? [] : ["line"])],
      ...(resource.defaults ? { exclusiveDefaults: resource.defaults } : {}),
      resource,
      ...(resource.kind === "tcp" ? { network: "host" } : {}),
    });
    const chip = { kind: "i2c", options: ["bus", "address"], defaults: { address: 0x20 } };
    const drivers = [
      PULSE,
      at("console", "serial", { kind: "serial", options: ["path"] }),
      at("digital-output", "serial-line", { kind: "serial", options: ["path"] }),
      at("digital-output", "pca9555", chip),
      at("digital-output", "mcp23017", chip),
      at("console", "tcp", { kind: "tcp", options: ["host", "port"] }),
      at("console", "telnet", { kind: "tcp", options: ["host", "port"] }),
    ];
    const console = (node: string, driver: string, options: string, agent = "a"): string =>
      `  ${node}: { console: { agent: ${agent}, driver: ${driver}, options: { ${options} } } }`;
    const wired = (node: string, driver: string, options: string): string =>
      reset(node, `output: { driver: ${driver}, options: { ${options} } }`);

    it.each([
      [
        "a serial port",
        console("n1", "serial", "path: /dev/ttyS0"),
        wired("n2", "serial-line", "path: /dev//ttyS0, line: dtr"),
        "nodes.n2.reset.needs.output: is at the same serial port (path) as nodes.n1.console in line 4, which has it by console/serial; expected one driver for it",
      ],
      [
        "a chip",
        wired("n1", "pca9555", "bus: i2c-1, line: 0"),
        wired("n2", "mcp23017", "bus: /dev/i2c-1, address: 32, line: 1"),
        "nodes.n2.reset.needs.output: is at the same I²C chip (bus, address) as nodes.n1.reset.needs.output in line 4, which has it by digital-output/pca9555; expected one driver for it",
      ],
      [
        "a line of a bus that is written in two ways",
        wired("n1", "pca9555", "bus: i2c-1, line: 0"),
        wired("n2", "pca9555", "bus: /dev/i2c-1, line: 0"),
        "nodes.n2.reset.needs.output: takes the same bus, address, line by pca9555 as nodes.n1.reset.needs.output in line 4; expected a line, outlet or port of its own",
      ],
      [
        "a port of a terminal server, from another agent",
        console("n1", "tcp", "host: Ts.lan, port: 2001", "b"),
        console("n2", "telnet", "host: ts.lan, port: 2001"),
        "nodes.n2.console: is at the same TCP port (host, port) as nodes.n1.console in line 4, which has it by console/tcp; expected one driver for it",
      ],
    ])("%s is refused to another", (_, first, second, problem) => {
      expect(problems(drivers, first, second)).toEqual([`site.yaml:5: ${problem}`]);
    });

    it.each([
      [
        "two lines of a port",
        wired("n1", "serial-line", "path: /dev/ttyS0, line: dtr"),
        wired("n2", "serial-line", "path: /dev/ttyS0, line: rts"),
      ],
      [
        "two lines of a chip",
        wired("n1", "pca9555", "bus: i2c-1, line: 0"),
        wired("n2", "pca9555", "bus: i2c-1, line: 1"),
      ],
      [
        "two chips",
        wired("n1", "pca9555", "bus: i2c-1, line: 0"),
        wired("n2", "mcp23017", "bus: i2c-1, address: 33, line: 0"),
      ],
      [
        "sockets, which have no port",
        console("n1", "tcp", "path: /run/a"),
        console("n2", "tcp", "path: /run/b, host: ts.lan"),
      ],
    ])("%s are let be", (_, first, second) => {
      expect(problems(drivers, first, second)).toEqual([]);
    });
  });

  it("is warned of where nobody has tried it, once for each driver", () => {
    const read = site(reset("n1", `output: ${gpio(17)}`), reset("n2", `output: ${gpio(18)}`));
    expect(
      unprovenDrivers(read, agentId("a"), all).map((one) => problemText(read.file, one)),
    ).toEqual([
      "site.yaml:4: nodes.n1.reset.driver: driver reset/output-pulse is unproven: it was tried against nothing that somebody else made; test the endpoint before you rely on it",
    ]);
  });
});
