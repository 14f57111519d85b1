import { describe, expect, it } from "vitest";
import { readSite } from "./site-file.js";
import { SiteFileError } from "./site-problem.js";

/** A right file, with parts replaced by the lines of a case. */
const file = (...lines: string[]): string => lines.join("\n");

const HEAD = ["site: lab", "agents: { rack-a: {} }", "nodes:"];

function problems(text: string): string[] {
  try {
    readSite(text, "site.yaml");
    return [];
  } catch (error) {
    if (!(error instanceof SiteFileError)) throw error;
    return error.message.split("\n");
  }
}

describe("a right site file", () => {
  const site = readSite(
    file(
      "site: lab",
      "agents:",
      "  rack-a: {}",
      "nodes:",
      "  n1:",
      "    name: Storage one",
      "    roles: [storage]",
      '    labels: { rack: a, slot: "1" }',
      "    serial: 10000000abcd1234",
      "    macs: [d8:3a:dd:00:00:01]",
      "    wake: supply-cycle",
      "    restore: Restore",
      "    gracefulLimit: 1.5m",
      "    dwell: 500ms",
      "    sampling: 1s",
      "    power: { agent: rack-a, driver: simulated, options: { socket: /r, slot: 1 } }",
      "    reset:",
      "      agent: rack-a",
      "      driver: output-pulse",
      "      needs: { output: { driver: gpio, options: { line: 17 } }, sense: { driver: gpio } }",
      "    boot: { firmware: raspberry-pi-5, override: { agent: rack-a, driver: straps } }",
      "    identify: { agent: rack-a, driver: output }",
      "    sensor:",
      "      supply: { agent: rack-a, driver: ina226 }",
      "      cpu: { agent: rack-a, driver: hwmon, sampling: 30s }",
      "    heartbeat: { lan: { agent: rack-a, driver: ping } }",
      "  n2: {}",
    ),
    "site.yaml",
  );

  it("is read with its durations as milliseconds and its interfaces as endpoints", () => {
    expect(site.nodes[0]).toMatchObject({
      id: "n1",
      name: "Storage one",
      roles: ["storage"],
      labels: { rack: "a", slot: "1" },
      wake: "supply-cycle",
      restore: "Restore",
      gracefulLimit: 90_000,
      dwell: 500,
      firmware: "raspberry-pi-5",
      endpoints: [
        {
          endpoint: "n1.power",
          agent: "rack-a",
          driver: "simulated",
          options: { slot: 1 },
          needs: {},
          sampling: 1000,
        },
        {
          endpoint: "n1.reset",
          agent: "rack-a",
          driver: "output-pulse",
          options: {},
          needs: { output: { driver: "gpio", options: { line: 17 } }, sense: { options: {} } },
        },
        { endpoint: "n1.boot", kind: "boot", driver: "straps" },
        { endpoint: "n1.identify", kind: "identify", driver: "output" },
        { endpoint: "n1.sensor.supply", kind: "sensor", driver: "ina226", sampling: 1000 },
        { endpoint: "n1.sensor.cpu", kind: "sensor", driver: "hwmon", sampling: 30_000 },
        { endpoint: "n1.heartbeat.lan", kind: "heartbeat", driver: "ping" },
      ],
    });
  });

  it("fills in what is left out", () => {
    expect(site.nodes[1]).toEqual({
      id: "n2",
      name: "n2",
      roles: [],
      labels: {},
      serial: undefined,
      macs: [],
      draw: undefined,
      wake: undefined,
      restore: "None",
      gracefulLimit: 120_000,
      dwell: 5000,
      firmware: undefined,
      endpoints: [],
      terminal: {
        logMaxBytes: 268_435_456,
        logMaxAgeMs: 7_776_000_000,
        writerIdleMs: 0,
        sessionIdleMs: 0,
        pasteLineMs: 0,
        pasteCharacterMs: 0,
        breakSequences: {},
      },
    });
  });
});

describe("a wrong site file is refused with line, path and expectation:", () => {
  const cases: readonly (readonly [what: string, text: string, ...expected: string[]])[] = [
    ["empty", "", "site.yaml:1: the file is empty; expected the keys site, agents and nodes"],
    ["no map", "- a", "site.yaml:1: '[\"a\"]' is not a map"],
    [
      "no YAML",
      file(...HEAD, "  n1: { name: x"),
      "site.yaml:4: Flow map in block collection must be sufficiently indented and end with a }",
    ],
    [
      "a key twice",
      file(...HEAD, "  n1:", "    name: a", "    name: b"),
      "site.yaml:6: nodes.n1.name: this key stands here a second time; expected it once",
    ],
    [
      "a tag",
      file(...HEAD, "  n1:", "    name: !secret a"),
      "site.yaml:5: nodes.n1: Unresolved tag; put text that begins with such a sign in quotes",
    ],
    [
      "an alias of nothing",
      file(...HEAD, "  n1: *none"),
      "site.yaml:4: nodes.n1: this alias has no anchor; expected an & and its name before it, or quotes around text that begins with *",
    ],
    ["a missing part", "site: lab\nagents: {}", "site.yaml:1: nodes is missing"],
    [
      "an unknown key",
      file(...HEAD, "  n1:", "    pwer: {}"),
      "site.yaml:5: nodes.n1.pwer: unknown key 'pwer'; expected one of name, roles, labels, serial, macs, wake, " +
        "restore, gracefulLimit, dwell, sampling, draw, power, reset, button, boot, console, identify, sensor, heartbeat, terminal, alarms",
    ],
    [
      "a wrong node id",
      file(...HEAD, "  N1: {}"),
      "site.yaml:4: nodes.N1: unknown key 'N1'; expected an id of lower-case letters, digits and inner hyphens, at most 63",
    ],
    [
      "a wrong agent id",
      "site: lab\nagents:\n  rack_a: {}\nnodes: {}",
      "site.yaml:3: agents.rack_a: unknown key 'rack_a'; expected an id of lower-case letters, digits and inner hyphens, at most 63",
    ],
    [
      "values of another type",
      file(...HEAD, "  n1:", "    serial: 12345", "    macs: x", "    power:"),
      "site.yaml:5: nodes.n1.serial: '12345' is not text; put it in quotes",
      "site.yaml:6: nodes.n1.macs: 'x' is not a list",
      "site.yaml:7: nodes.n1.power: is empty; expected a map ({} for an empty one)",
    ],
    [
      "an unknown word",
      file(...HEAD, "  n1: { wake: magic }"),
      "site.yaml:4: nodes.n1.wake: unknown value 'magic'; expected one of button, wol, supply-cycle",
    ],
    [
      "durations that are none, or out of bounds",
      file(...HEAD, "  n1:", "    dwell: 2 s", "  n2:", "    dwell: 20h"),
      "site.yaml:5: nodes.n1.dwell: '2 s' does not fit; expected a duration such as 500ms, 2s, 1.5m or 1h",
      "site.yaml:7: nodes.n2.dwell: '20h' is out of bounds; expected 100ms to 10m",
    ],
    [
      "a duration out of bounds",
      file(...HEAD, "  n1:", "    dwell: 20h", "    gracefulLimit: 999ms"),
      "site.yaml:5: nodes.n1.dwell: '20h' is out of bounds; expected 100ms to 10m",
      "site.yaml:6: nodes.n1.gracefulLimit: '999ms' is out of bounds; expected 1s to 1h",
    ],
    [
      "an agent that is not declared",
      file(...HEAD, "  n1:", "    power: { agent: rack-b, driver: qemu }"),
      "site.yaml:5: nodes.n1.power.agent: agent 'rack-b' is not declared; expected one of rack-a",
    ],
    [
      "two nodes on one wire, however the options are ordered",
      file(
        ...HEAD,
        "  n1:",
        "    power: { agent: rack-a, driver: qemu, options: { directory: /c, slot: 1 } }",
        "  n2:",
        "    power: { agent: rack-a, driver: qemu, options: { slot: 1, directory: /c } }",
      ),
      "site.yaml:7: nodes.n2.power: the same agent, driver and options as nodes.n1.power in line 5; " +
        "expected a line or port of its own",
    ],
    [
      "two nodes on one wire, however its path and address are written",
      file(
        ...HEAD,
        "  n1: { power: { agent: rack-a, driver: qemu, options: { directory: /tmp/../c/, slot: 1 } } }",
        "  n2: { power: { agent: rack-a, driver: qemu, options: { directory: //c, slot: 1 } } }",
        "  n3: { power: { agent: rack-a, driver: simulated, options: { url: 'http://Rack:80/', slot: 1 } } }",
        "  n4: { power: { agent: rack-a, driver: simulated, options: { url: 'HTTP://rack', slot: 1 } } }",
        "  n5: { power: { agent: rack-a, driver: simulated, options: { url: 'http://rack', slot: 2 } } }",
      ),
      "site.yaml:5: nodes.n2.power: the same agent, driver and options as nodes.n1.power in line 4; " +
        "expected a line or port of its own",
      "site.yaml:7: nodes.n4.power: the same agent, driver and options as nodes.n3.power in line 6; " +
        "expected a line or port of its own",
    ],
    [
      "of every kind in one go, in the order of the lines",
      file(
        "site: Lab",
        "agents: { rack-a: { nmae: x } }",
        "nodes:",
        "  n1: { power: { agent: rack-b, driver: qemu, nedes: x } }",
        "  n2: { serial: x, power: { agent: rack-c, options: [] }, restore: AlwaysOn }",
        "  n3: { serial: X, pwer: {}, dwell: 20h }",
        "  n4: { power: { agent: rack-a, driver: qemu, options: { directory: /c, slot: 1 } } }",
        "  n5: { name: 5, power: { agent: rack-a, driver: qemu, options: { directory: /c, slot: 1 } } }",
        "  n6: { macs: [x, d8:3a:dd:00:00:01, D8:3A:DD:00:00:01], wake: button }",
      ),
      "site.yaml:1: site: 'Lab' does not fit; expected an id of lower-case letters, digits and inner hyphens, at most 63",
      "site.yaml:2: agents.rack-a.nmae: unknown key 'nmae'; expected one of name",
      "site.yaml:4: nodes.n1.power.nedes: unknown key 'nedes'; expected one of agent, driver, options, needs, sampling, reporting, deadband, burst",
      "site.yaml:4: nodes.n1.power.agent: agent 'rack-b' is not declared; expected one of rack-a",
      "site.yaml:5: nodes.n2.power: driver is missing",
      "site.yaml:5: nodes.n2.power.options: this list is not a map",
      "site.yaml:5: nodes.n2.power.agent: agent 'rack-c' is not declared; expected one of rack-a",
      "site.yaml:6: nodes.n3.pwer: unknown key 'pwer'; expected one of name, roles, labels, serial, macs, wake, " +
        "restore, gracefulLimit, dwell, sampling, draw, power, reset, button, boot, console, identify, sensor, heartbeat, terminal, alarms",
      "site.yaml:6: nodes.n3.dwell: '20h' is out of bounds; expected 100ms to 10m",
      "site.yaml:6: nodes.n3.serial: serial number 'X' belongs to node n2 already",
      "site.yaml:8: nodes.n5.name: '5' is not text; put it in quotes",
      "site.yaml:8: nodes.n5.power: the same agent, driver and options as nodes.n4.power in line 7; " +
        "expected a line or port of its own",
      "site.yaml:9: nodes.n6.macs[0]: 'x' does not fit; expected an Ethernet address such as d8:3a:dd:00:00:01",
      "site.yaml:9: nodes.n6.wake: nothing can press the button; declare a button or power interface that can",
      "site.yaml:9: nodes.n6.macs[2]: address 'D8:3A:DD:00:00:01' belongs to node n6 already",
    ],
    [
      "policies that nothing can carry out",
      file(
        ...HEAD,
        "  n1: { wake: wol }",
        "  n2: { wake: button }",
        "  n3: { wake: supply-cycle }",
        "  n4: { restore: AlwaysOn }",
      ),
      "site.yaml:4: nodes.n1.wake: nothing can send a magic packet; declare a button by the driver wake-on-lan",
      "site.yaml:5: nodes.n2.wake: nothing can press the button; declare a button or power interface that can",
      "site.yaml:6: nodes.n3.wake: supply-cycle needs a power interface; declare one, or leave wake out",
      "site.yaml:7: nodes.n4.restore: AlwaysOn needs a power interface; declare one, or leave restore out",
    ],
    [
      "an address and a serial number of two nodes",
      file(
        ...HEAD,
        "  n1: { serial: Abc, macs: [d8:3a:dd:00:00:01] }",
        "  n2:",
        "    serial: abc",
        "    macs:",
        "      - d8:3a:dd:00:00:02",
        "      - D8:3A:DD:00:00:01",
      ),
      "site.yaml:6: nodes.n2.serial: serial number 'abc' belongs to node n1 already",
      "site.yaml:9: nodes.n2.macs[1]: address 'D8:3A:DD:00:00:01' belongs to node n1 already",
    ],
    [
      "options that JSON cannot carry",
      file(
        ...HEAD,
        "  n1:",
        "    power:",
        "      agent: rack-a",
        "      driver: qemu",
        "      options:",
        "        __proto__: { a: 1 }",
        "        deep: [[[[[[[[[1]]]]]]]]]",
        "        number: [1, .nan]",
      ),
      "site.yaml:9: nodes.n1.power.options.__proto__: this name is not allowed",
      "site.yaml:10: nodes.n1.power.options.deep[0][0][0][0][0][0][0]: is nested deeper than 8 levels",
      "site.yaml:11: nodes.n1.power.options.number[1]: is not a finite number",
    ],
  ];

  it.each(cases)("%s", (_, text, ...expected) => {
    expect(problems(text)).toEqual(expected);
  });

  it("the line of an alias's content is where the content stands", () => {
    const text = file(
      "site: lab",
      "agents: { a: {} }",
      "nodes:",
      "  n1:",
      "    power: &p",
      "      agent: a",
      "      driver: X",
      "  n2:",
      "    power: *p",
    );
    expect(problems(text)).toEqual([
      expect.stringMatching(
        /^site\.yaml:7: nodes\.n1\.power\.driver: 'X' does not fit; expected an id/,
      ),
      expect.stringMatching(
        /^site\.yaml:7: nodes\.n2\.power\.driver: 'X' does not fit; expected an id/,
      ),
    ]);
  });

  it("control characters of the file never reach a terminal", () => {
    const [line] = problems(file(...HEAD, '  n1: { "a\\u001b[2J\\u202e": 1 }'));
    expect(line).toContain("unknown key 'a?[2J?'");
    // oxlint-disable-next-line no-control-regex
    expect(line).not.toMatch(/[\u0000-\u001f\u202e]/);
  });
});
