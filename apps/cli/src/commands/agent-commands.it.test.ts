import { describe, expect, it } from "vitest";
import { runCli } from "../run.js";
import { recordingConsole } from "../testing/recording-console.js";
import { startStubGateway, type Reply } from "../testing/stub-gateway.js";

async function outrider(line: string, reply: Reply) {
  await using stub = await startStubGateway(() => reply);
  const { console, said } = recordingConsole();
  const environment = { OUTRIDER_URL: stub.url, XDG_CONFIG_HOME: "/nonexistent" };
  const code = await runCli(line.split(" "), environment, console);
  const { asked, wrong } = stub;
  return { code, asked, wrong, out: said.out.join("\n"), error: said.error.join("\n") };
}

const POE = {
  port: "power",
  driver: "snmp-poe",
  summary: "A PoE port.",
  actions: ["On"],
  options: {
    properties: {
      group: { type: "integer", minimum: 1, maximum: 99, description: "The unit of a stack." },
      host: { type: "string", description: "Name or address." },
      community: { $ref: "#/definitions/SecretReference" },
    },
    required: ["host"],
  },
  example: { options: { host: "10.0.0.2", port: 1 } },
  exclusive: ["host", "port"],
  proof: "snmpd 5.9.3",
  agents: ["rack-1", "rack-2"],
};
const RELAY = {
  ...POE,
  driver: "output",
  proof: undefined,
  needs: { sense: { port: "digital-input", optional: true, summary: "reads the rail" } },
};

describe("outrider drivers", () => {
  it("says of each by what it is proven, and who has it", async () => {
    const { code, out } = await outrider("drivers", { drivers: [POE, RELAY] });
    expect(code).toBe(0);
    expect(out).toMatch(/^power +snmp-poe +snmpd 5\.9\.3 +rack-\[1-2\]$/m);
    expect(out).toMatch(/^power +output +unproven /m);
  });

  it("shows one with its options, needs and an example to copy", async () => {
    const poe = await outrider("drivers power/snmp-poe", { drivers: [POE] });
    expect(poe.out).toMatch(/^ {2}host +needed +text +Name or address\.$/m);
    expect(poe.out).toMatch(/^ {2}group +1 to 99 +The unit of a stack\.$/m);
    expect(poe.out).toContain(
      "power: { agent: rack-1, driver: snmp-poe, options: { host: 10.0.0.2",
    );
    const relay = await outrider("drivers power/output", { drivers: [RELAY] });
    expect(relay.out).toContain("unproven. Test the endpoint");
    expect(relay.out).toMatch(/^ {2}sense +digital-input +reads the rail$/m);
  });

  it("shows those of a name, whatever port they serve", async () => {
    const rows = [POE, { ...POE, port: "sensor", summary: "What a PoE port delivers." }];
    const { code, asked, wrong, out } = await outrider("drivers snmp-poe", { drivers: rows });
    expect([code, wrong]).toEqual([0, []]);
    expect(asked[0]).toMatchObject({ path: "/drivers", query: { driver: "snmp-poe" } });
    expect(out).toMatch(/^power\/snmp-poe$/m);
    expect(out).toMatch(/^sensor\/snmp-poe$/m);
  });

  it("asks nobody for a port that there is not, and ends with 5 for a driver that nobody has", async () => {
    const wrong = await outrider("drivers powr/snmp-poe", { drivers: [] });
    expect([wrong.code, wrong.asked]).toEqual([2, []]);
    for (const name of ["power/nothing", "nothing"]) {
      const none = await outrider(`drivers ${name}`, { drivers: [] });
      expect([none.code, none.error]).toEqual([
        5,
        `outrider: no agent has such a driver ${name}; \`outrider drivers\` lists those there are`,
      ]);
    }
  });
});

describe("outrider agent detect", () => {
  const found = (proposals: object[], problems: object[] = [], looked?: object[]): Reply => ({
    agent: "rack-a",
    found: { proposals, problems, ...(looked ? { looked } : {}) },
  });
  const proposal = {
    port: "console",
    driver: "serial",
    options: { path: "/dev/serial/by-path/x" },
    why: "An adapter.",
    confidence: "medium",
  };

  it("hands on which switches to ask, and never a community itself", async () => {
    const line = "agent detect rack-a --switch sw1 sw2 --community-file /etc/outrider/secrets/poe";
    const { asked, wrong, out, code } = await outrider(line, found([proposal]));
    const community = { file: "/etc/outrider/secrets/poe" };
    expect(asked[0]?.body).toEqual({
      switches: [
        { host: "sw1", community },
        { host: "sw2", community },
      ],
    });
    expect([code, wrong]).toEqual([0, []]);
    expect(out).toContain("# medium: An adapter.");
  });

  it("hands on a user of version 3 with its keys as references", async () => {
    const line =
      "agent detect rack-a --switch sw1 --udp-port 1161 --snmp-user outrider --auth-key-file /etc/outrider/secrets/a --auth-protocol sha --privacy-key-file /etc/outrider/secrets/p";
    const { asked, wrong, code } = await outrider(line, found([proposal]));
    expect(asked[0]?.body).toEqual({
      switches: [
        {
          host: "sw1",
          udpPort: 1161,
          user: "outrider",
          authProtocol: "sha",
          authKey: { file: "/etc/outrider/secrets/a" },
          privKey: { file: "/etc/outrider/secrets/p" },
        },
      ],
    });
    expect([code, wrong]).toEqual([0, []]);
  });

  it.each([
    ["--snmp-user outrider", "only with --switch"],
    ["--switch sw1 --auth-key-file /a", "give --snmp-user"],
    ["--switch sw1 --snmp-user u --auth-protocol sha", "give --auth-key-file"],
    ["--switch sw1 --snmp-user u --privacy-protocol aes", "give --privacy-key-file"],
    ["--switch sw1 --snmp-user u --privacy-key-file /p", "needs an --auth-key-file"],
    ["--switch sw1 --snmp-user u --community-file /c", "cannot be used with"],
    ["--switch sw1 --udp-port 0", "from 1 to 65535"],
    ["--switch sw1 --snmp-user ünser", "up to 32 characters"],
    ["--switch sw1 --snmp-user u --auth-key-file secret", "absolute path"],
  ])("asks nobody with %s", async (words, why) => {
    const { code, asked, error } = await outrider(`agent detect rack-a ${words}`, found([]));
    expect([code, asked]).toEqual([2, []]);
    expect(error).toContain(why);
  });

  it("says which detector could not look, and by its code whether anything is missing", async () => {
    const problem = { detector: "poe", message: "The switch sw1 does not answer." };
    const some = await outrider("agent detect rack-a", found([proposal], [problem]));
    expect([some.code, some.error]).toEqual([
      3,
      "outrider: poe could not look: The switch sw1 does not answer.",
    ]);
    expect((await outrider("agent detect rack-a", found([], [problem]))).code).toBe(1);
    expect((await outrider("agent detect rack-a", found([]))).code).toBe(5);
  });

  it("says what was looked at, as comments below what it proposes, and in the place of nothing", async () => {
    const looked = [
      { detector: "poe", what: "n1: in no table of the switches that answered\u001b[2J" },
    ];
    const some = await outrider("agent detect rack-a", found([proposal], [], looked));
    expect([some.code, some.error]).toEqual([0, ""]);
    expect(some.out).toMatch(
      /^# Looked at:\n# {3}poe: n1: in no table of the switches [^\u001b]+$/m,
    );
    const none = await outrider("agent detect rack-a", found([], [], looked));
    expect([none.code, none.out]).toEqual([5, ""]);
    expect(none.error).toMatch(/found nothing .*\n {2}looked at poe: n1: in no table/);
  });
});

describe("outrider agent test", () => {
  const tested = (ok: boolean): Reply => ({
    endpoint: "n1.power",
    node: "n1",
    agent: "rack-a",
    port: "power",
    driver: "snmp-poe",
    result: { ok, findings: [{ ok, what: "read the supply: On" }] },
  });

  it("ends as the endpoint works or not, and says what was seen", async () => {
    const works = await outrider("agent test n1.power", tested(true));
    expect([works.code, works.out]).toEqual([
      0,
      "n1.power (power/snmp-poe on rack-a) works, as far as could be tried\n  ok     read the supply: On",
    ]);
    const broken = await outrider("agent test n1.power", tested(false));
    expect(broken.code).toBe(1);
    expect(broken.out).toContain("FAILED read the supply");
  });

  it("asks nobody about what is no endpoint", async () => {
    const { code, asked } = await outrider("agent test n1", tested(true));
    expect([code, asked]).toEqual([2, []]);
  });
});
