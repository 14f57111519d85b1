import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile, stat, writeFile } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  homeAssistantContracts,
  homeAssistantObject,
  type HomeAssistantConfig,
} from "@outrider/contracts/home-assistant";
import { identifySet } from "@outrider/contracts/identify";
import { Session } from "@outrider/messaging/session";
import { isRunning, SlotClient } from "@outrider/simulators/spawn";
import { startNode, type Child } from "@outrider/testing/child";
import { eventually, within } from "@outrider/testing/eventually";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  it,
  onTestFinished,
} from "vitest";
import { demoSite } from "./demo-site.js";

const MAIN = new URL("./main.js", import.meta.url);
const SPLIT = new URL("./split-main.js", import.meta.url);
const CLI = fileURLToPath(new URL("../../cli/bin/outrider.mjs", import.meta.url));

function start(program: URL, data: string, env: Record<string, string> = {}): Promise<Child> {
  return startNode(program, {
    env: {
      OUTRIDER_DATA: data,
      OUTRIDER_MQTT_PORT: "0",
      OUTRIDER_SSH_PORT: "0",
      OUTRIDER_CONSOLE_LINK_PORT: "0",
      OUTRIDER_HTTP_PORT: "0",
      OUTRIDER_DEMO_VM: "no",
      ...env,
    },
    readyWithinMs: 60_000,
  });
}

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command line against a running site. */
function outrider(
  site: Child,
  args: readonly string[],
  env: Record<string, string> = {},
  input = "",
): Ended {
  return spawnSync(process.execPath, [CLI, ...args], {
    env: {
      ...process.env,
      OUTRIDER_URL: String(site.ready["webUrl"]),
      XDG_CONFIG_HOME: folder.path,
      ...env,
    },
    encoding: "utf8",
    input,
  });
}

/** What happened to a slot of the demonstration's rack, by the rack's own account. */
async function edges(data: string, slot: number): Promise<string[]> {
  const client = new SlotClient(join(data, "demo", "rack", "rack.sock"));
  try {
    return (await client.edges({ slot })).map(({ edge }) => edge);
  } finally {
    client.close();
  }
}

/** Whether the lamp of a slot shines, by the rack's own account. */
async function lamp(data: string, slot: number): Promise<boolean> {
  const client = new SlotClient(join(data, "demo", "rack", "rack.sock"));
  try {
    return (await client.lamp(slot)).on;
  } finally {
    client.close();
  }
}

async function rackPid(data: string): Promise<number> {
  const trace = JSON.parse(await readFile(join(data, "demo", "rack.json"), "utf8")) as {
    pid: number;
  };
  return trace.pid;
}

let folder: TempDir;

describe.each([
  ["in one process", MAIN],
  ["as processes of their own", SPLIT],
])("the demonstration %s", (_, program) => {
  let site: Child;

  beforeAll(async () => {
    folder = await tempDir();
    site = await start(program, folder.path, { OUTRIDER_HOME_ASSISTANT: "yes" });
  });

  afterAll(async () => {
    await site?.kill("SIGTERM");
    await folder.remove();
  });

  it("shows its nodes with what was measured", () => {
    const { status, stdout } = outrider(site, ["get", "nodes"]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^n1 +On +Running +ReadBack /m);
    expect(stdout).toMatch(/^n2 +Off /m);
  });

  it("cycles n1 exactly once, by the rack's own account", async () => {
    const before = (await edges(folder.path, 1)).length;
    const { status, stdout } = outrider(site, ["power", "cycle", "n1"]);
    expect(stdout).toContain("n1: Succeeded");
    expect(status).toBe(0);
    const after = (await edges(folder.path, 1)).slice(before);
    expect(after).toEqual(["supply-off", "supply-on"]);
  });

  it("switches n2 on and off", async () => {
    const before = (await edges(folder.path, 2)).length;
    expect(outrider(site, ["power", "on", "n2"]).status).toBe(0);
    expect(outrider(site, ["power", "off", "n2"]).status).toBe(0);
    expect((await edges(folder.path, 2)).slice(before)).toEqual(["supply-on", "supply-off"]);
  });

  it("lights the lamp of n1, and puts it out, by command line and by message", async () => {
    expect(outrider(site, ["identify", "n1"])).toMatchObject({ status: 0, stdout: "n1: on\n" });
    expect(await lamp(folder.path, 1)).toBe(true);
    const url = String(site.ready["url"]);
    const person = new Session({ url, clientId: "somebody" });
    onTestFinished(() => person.stop());
    person.start();
    await person.ready(within());
    await person.publish(identifySet, { node: "n1" }, { state: "off" });
    await eventually("it goes out", async () => !(await lamp(folder.path, 1)));
    const shining = outrider(site, ["identify", "n1", "n2", "30s"]);
    expect(shining.stdout).toMatch(/^n1: on until 2.*Z\nn2: on until 2.*Z\n$/);
    expect(outrider(site, ["identify", "n[1-2]", "off"]).status).toBe(0);
    expect(await lamp(folder.path, 2)).toBe(false);
  });

  it("is in Home Assistant, to be looked at", async () => {
    const house = new Session({ url: String(site.ready["url"]), clientId: "house" });
    const devices = new Map<string, HomeAssistantConfig>();
    const { device } = homeAssistantContracts();
    house.subscribe(device, { platform: "device" }, ({ payload, parameters: { object } }) => {
      devices.set(object, payload);
    });
    onTestFinished(() => house.stop());
    house.start();
    const { components = {} } = await eventually("n1 is there", () =>
      devices.get(homeAssistantObject("node", "n1")),
    );
    expect(components["board_temperature"]).toMatchObject({ device_class: "temperature" });
    const acting = Object.values(components).filter((one) => one.command_topic !== undefined);
    expect(acting).toEqual([]);
  });

  it("keeps its data to itself", async () => {
    for (const directory of ["demo", "secrets"]) {
      expect((await stat(join(folder.path, directory))).mode & 0o777).toBe(0o700);
    }
  });

  it("says that there is no such node", () => {
    const { status, stderr } = outrider(site, ["power", "cycle", "n9"]);
    expect(status).toBe(5);
    expect(stderr).toContain("there is no node n9");
  });

  it("ends in order, and its machines with it", async () => {
    const rack = await rackPid(folder.path);
    await site.kill("SIGTERM");
    expect(await site.exited).toEqual({ code: 0, signal: null });
    expect(isRunning(rack)).toBe(false);
  });
});

describe("a site of one's own", () => {
  let site: Child | undefined;

  beforeEach(async () => {
    folder = await tempDir();
  });

  afterEach(async () => {
    await site?.kill("SIGTERM");
    site = undefined;
    await folder.remove();
  });

  it("lets nobody in without credentials, and the operator with the ones that it made", async () => {
    const file = join(folder.path, "site.yaml");
    await writeFile(file, "site: lab\nagents: { rack-a: {}, rack-b: {} }\nnodes: { n1: {} }\n");
    const data = join(folder.path, "data");
    site = await start(MAIN, data, { OUTRIDER_SITE: file, OUTRIDER_AGENTS: "rack-a" });
    expect(outrider(site, ["get", "nodes"]).status).toBe(4);
    const secret = await readFile(join(data, "secrets", "person-operator"), "utf8");
    const login = ["login", "operator", String(site.ready["webUrl"]), "--password-stdin"];
    expect(outrider(site, login, { OUTRIDER_URL: "" }, secret).status).toBe(0);
    expect(outrider(site, ["get", "nodes"], { OUTRIDER_URL: "" })).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^n1 /m),
    });
    const said = site.lines.join("\n");
    expect(said).toContain("rack-b runs elsewhere");
    expect(existsSync(join(data, "secrets", "agent-rack-b"))).toBe(true);
    expect(said).not.toContain(secret.trim());
    expect(said).toMatch(/^sign in +admin, with the one-time password in \S+first-admin$/m);
  });

  it.each([
    ["one process", MAIN],
    ["several", SPLIT],
  ])("that is a copy of the demonstration's has its machines, as %s", async (_, program) => {
    const data = join(folder.path, "data");
    const file = join(folder.path, "site.yaml");
    const rack = join(data, "demo", "rack", "rack.sock");
    await writeFile(file, demoSite({ rack }).replace("site: demo", "site: mine"));
    site = await start(program, data, { OUTRIDER_SITE: file, OUTRIDER_AGENTS: "demo" });
    expect(site.lines.join("\n")).not.toContain("anybody on this machine");
    expect(outrider(site, ["get", "nodes"]).status).toBe(4);
    const secret = await readFile(join(data, "secrets", "person-operator"), "utf8");
    const login = ["login", "operator", String(site.ready["webUrl"]), "--password-stdin"];
    expect(outrider(site, login, {}, secret).status).toBe(0);
    expect(outrider(site, ["power", "off", "n1"]).stdout).toContain("n1: Succeeded");
    expect(await edges(data, 1)).toContain("supply-off");
    const pid = await rackPid(data);
    await site.kill("SIGTERM");
    expect(isRunning(pid)).toBe(false);
  });

  it.each([
    ["one process", MAIN],
    ["several", SPLIT],
  ])(
    "has secrets of devices and notifications in variables of the start, as %s",
    async (_, program) => {
      const asked: string[] = [];
      const device = createHttpServer(({ headers, url = "" }, answer) => {
        asked.push(`${url.startsWith("/told") ? "told" : "device"} ${headers.authorization}`);
        answer.writeHead(200, { "content-type": "application/json" }).end('{"state":"on"}');
      });
      await new Promise<void>((resolve) => device.listen(0, "127.0.0.1", resolve));
      const { port } = device.address() as AddressInfo;
      const options = {
        url: `http://127.0.0.1:${port}`,
        entity: "switch.n1",
        token: { env: "OUTRIDER_SECRET_HOUSE" },
        unencrypted: true,
      };
      const power = { agent: "rack-a", driver: "home-assistant", options };
      // Nobody listens on this one: its silence is an alarm, of which a webhook is told.
      const lan = { agent: "rack-a", driver: "tcp-port", options: { host: "127.0.0.1", port: 1 } };
      const webhook = {
        url: `http://127.0.0.1:${port}/told`,
        token: { env: "OUTRIDER_SECRET_HOOK" },
      };
      const declared = {
        site: "lab",
        agents: { "rack-a": {} },
        nodes: { n1: { power, heartbeat: { lan }, sampling: "300ms" } },
        alarms: { silent: { for: "0s" } },
        notifications: { channels: { house: { webhook } }, groupWithin: "0s" },
      };
      const file = join(folder.path, "site.yaml");
      // What is JSON is YAML.
      await writeFile(file, JSON.stringify(declared));
      try {
        site = await start(program, join(folder.path, "data"), {
          OUTRIDER_SITE: file,
          OUTRIDER_AGENTS: "rack-a",
          OUTRIDER_SECRET_HOUSE: "canary-of-the-house",
          OUTRIDER_SECRET_HOOK: "canary-of-the-hook",
          OUTRIDER_WEBHOOK_ALLOW: "127.0.0.1/32",
        });
        for (const one of ["device Bearer canary-of-the-house", "told Bearer canary-of-the-hook"]) {
          await eventually(`${one} is sent`, () => asked.includes(one), { withinMs: 60_000 });
        }
        expect(site.lines.join("\n")).not.toMatch(/canary-of-the/);
      } finally {
        device.closeAllConnections();
        device.close();
      }
    },
  );

  it.each([
    ["one process", MAIN],
    ["several", SPLIT],
  ])("that is wrong ends with 78 and its errors, as %s", async (_, program) => {
    const file = join(folder.path, "site.yaml");
    await writeFile(file, "site: lab\nagents: {}\nnodes: { n1: { pwer: {} } }\n");
    const { status, stderr } = spawnSync(process.execPath, [fileURLToPath(program)], {
      env: {
        ...process.env,
        OUTRIDER_SITE: file,
        OUTRIDER_DATA: folder.path,
        OUTRIDER_HTTP_PORT: "0",
      },
      encoding: "utf8",
    });
    expect(status).toBe(78);
    expect(stderr).toContain(`${file}:3: nodes.n1.pwer: unknown key 'pwer'`);
  });
});

describe("a part that fails", () => {
  beforeEach(async () => {
    folder = await tempDir();
  });
  afterEach(() => folder.remove());

  it("to start ends everything with its reason, and leaves nothing behind", async () => {
    await using taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const { port } = taken.address() as AddressInfo;
    const { status, stderr } = spawnSync(process.execPath, [fileURLToPath(MAIN)], {
      env: {
        ...process.env,
        OUTRIDER_DATA: folder.path,
        OUTRIDER_MQTT_PORT: String(port),
        OUTRIDER_SSH_PORT: "0",
        OUTRIDER_CONSOLE_LINK_PORT: "0",
        OUTRIDER_HTTP_PORT: "0",
        OUTRIDER_DEMO_VM: "no",
      },
      encoding: "utf8",
    });
    expect(status).toBe(1);
    expect(stderr).toContain(`outrider: port ${port} is taken`);
    expect(isRunning(await rackPid(folder.path))).toBe(false);
  });

  it("to start as a process ends the others with its exit code", async () => {
    await using taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const { port } = taken.address() as AddressInfo;
    const { status, stderr } = spawnSync(process.execPath, [fileURLToPath(SPLIT)], {
      env: {
        ...process.env,
        OUTRIDER_DATA: folder.path,
        OUTRIDER_MQTT_PORT: String(port),
        OUTRIDER_SSH_PORT: "0",
        OUTRIDER_CONSOLE_LINK_PORT: "0",
        OUTRIDER_HTTP_PORT: "0",
        OUTRIDER_DEMO_VM: "no",
      },
      encoding: "utf8",
    });
    expect(status).toBe(2);
    expect(stderr).toMatch(/broker \(process \d+\) ended with code 2; the other parts are stopped/);
    expect(isRunning(await rackPid(folder.path))).toBe(false);
  });
});
