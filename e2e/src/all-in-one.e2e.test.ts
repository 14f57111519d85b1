import { spawn, type ChildProcess } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { findProgram } from "@outrider/simulators/find-program";
import { isRunning, SlotClient } from "@outrider/simulators/spawn";
import { eventually } from "@outrider/testing/eventually";
import { freePort } from "@outrider/testing/free-port";
import { hasMosquittoClients } from "@outrider/testing/mqtt-cli";
import { tempDir } from "@outrider/testing/temp-dir";
import { describe, expect, onTestFailed, onTestFinished, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** A shell's command in a process group of its own, as a terminal has it. */
class Shell {
  readonly lines: string[] = [];
  error = "";
  readonly exited: Promise<number | null>;

  private constructor(private readonly child: ChildProcess) {
    if (child.stdout) {
      createInterface({ input: child.stdout }).on("line", (line) => this.lines.push(line));
    }
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.error += text));
    this.exited = new Promise((resolve) => child.once("exit", (code) => resolve(code)));
  }

  /** Whatever of it still runs at the end of the test is killed. */
  static run(command: string, env: NodeJS.ProcessEnv): Shell {
    const shell = new Shell(spawn("sh", ["-c", command], { cwd: root, env, detached: true }));
    onTestFailed(() => {
      process.stderr.write(`$ ${command}\n${shell.lines.join("\n")}\n${shell.error}\n`);
    });
    onTestFinished(() => shell.signal("SIGKILL"));
    return shell;
  }

  /** To all of its processes, as Ctrl-C does. */
  signal(signal: NodeJS.Signals): void {
    try {
      process.kill(-(this.child.pid ?? 0), signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }

  says(what: string, fits: (line: string) => boolean): Promise<string> {
    return eventually(what, () => this.lines.find(fits), { withinMs: 120_000 });
  }
}

interface Demo {
  readonly shell: Shell;
  readonly port: number;
  readonly data: string;
  /** For commands of the person at the next terminal. */
  readonly env: NodeJS.ProcessEnv;
}

/** Types a command of README.md, in a folder of data and on a port of our own. */
async function startDemo(command: string): Promise<Demo> {
  const folder = await tempDir("start-");
  onTestFinished(() => folder.remove());
  const port = await freePort();
  const httpPort = await freePort();
  const config = join(folder.path, "config");
  await mkdir(config);
  // Where the Mosquitto clients look for their defaults: README's commands name no port.
  for (const client of ["mosquitto_pub", "mosquitto_sub"]) {
    await writeFile(join(config, client), `-p ${port}\n`);
  }
  const inherited = Object.entries(process.env).filter(([name]) => !/^(OUTRIDER_|npm_)/.test(name));
  const env: NodeJS.ProcessEnv = {
    ...Object.fromEntries(inherited),
    // The Node of the machine, not the one that the tests run on.
    PATH: (process.env["PATH"] ?? "")
      .split(delimiter)
      .filter((place) => !place.startsWith(root) && !place.includes("node_modules"))
      .join(delimiter),
    XDG_CONFIG_HOME: config,
    OUTRIDER_URL: `http://127.0.0.1:${httpPort}`,
  };
  const data = join(folder.path, "data");
  const { OUTRIDER_URL: _, ...own } = env;
  const shell = Shell.run(command, {
    ...own,
    OUTRIDER_DATA: data,
    OUTRIDER_MQTT_PORT: String(port),
    OUTRIDER_SSH_PORT: "0",
    OUTRIDER_CONSOLE_LINK_PORT: "0",
    OUTRIDER_HTTP_PORT: String(httpPort),
  });
  await shell.says("that it is ready", (line) => line.startsWith('{"ready":true'));
  return { shell, port, data, env };
}

/** The commands of a section of README.md, block by block. */
async function readmeBlocks(section: string): Promise<string[]> {
  const text = await readFile(join(root, "README.md"), "utf8");
  const [, after = ""] = text.split(`\n## ${section}\n`);
  const [body = ""] = after.split("\n## ");
  return [...body.matchAll(/```sh\n(.*?)```/gs)].map(([, block = ""]) => block);
}

async function ends(demo: Demo): Promise<void> {
  const traces = await Promise.all(
    ["rack", ...(findProgram("qemu-system-x86_64") ? ["chassis"] : [])].map(async (name) => {
      const trace = await readFile(join(demo.data, "demo", `${name}.json`), "utf8");
      return (JSON.parse(trace) as { pid: number }).pid;
    }),
  );
  expect(traces.every(isRunning)).toBe(true);
  demo.shell.signal("SIGINT");
  await demo.shell.exited;
  await eventually("everything has ended", () => !traces.some(isRunning));
  await expect(
    new Promise((resolve, reject) => {
      connect({ port: demo.port, host: "127.0.0.1" })
        .once("connect", resolve)
        .once("error", reject);
    }),
  ).rejects.toThrow("ECONNREFUSED");
}

describe.skipIf(!hasMosquittoClients())("the demonstration", () => {
  test("README's commands and what npm start prints work as they stand, and Ctrl-C ends all of it", async () => {
    const blocks = await readmeBlocks("Try it");
    expect(blocks.shift()).toBe("npm start\n");
    expect(blocks.pop()).toBe("npm test\n");
    expect(blocks).toHaveLength(2);
    const demo = await startDemo("npm start");
    const rack = new SlotClient(join(demo.data, "demo", "rack", "rack.sock"));
    onTestFinished(() => rack.close());
    const before = (await rack.edges()).at(-1)?.seq ?? 0;

    for (const command of (blocks[0] ?? "").trim().split("\n")) {
      const shell = Shell.run(command, demo.env);
      expect([command, await shell.exited]).toEqual([command, 0]);
      const said = shell.lines.join("\n");
      if (command.includes("get nodes")) expect(said).toMatch(/\bn1\b.*\bOn\b/);
      else if (command.includes("sensors")) expect(said).toMatch(/\bn1 .*\bvoltageVolts .* V /);
      else expect(shell.lines).toEqual(["n[1-3]: Succeeded"]);
    }
    expect((await rack.edges({ since: before, slot: 1 })).map(({ edge }) => edge)).toEqual([
      "supply-off",
      "supply-on",
    ]);
    const mqtt = Shell.run(blocks[1] ?? "", demo.env);
    expect(await mqtt.exited).toBe(0);
    await mqtt.says("the result", (line) =>
      /^outrider\/v1\/node\/n1\/power\/result .*"Succeeded".*"terminal":true/.test(line),
    );
    await mqtt.says("a state", (line) => line.startsWith("outrider/v1/node/n2/power/state {"));
    await bannerWorks(demo);
    await ends(demo);
  });

  test("npm run start:split prints commands that work as printed, and Ctrl-C ends all of it", async () => {
    const demo = await startDemo("npm run start:split");
    await bannerWorks(demo);
    await ends(demo);
  });
});

/** Types what was printed at the start, in a terminal that knows nothing else. */
async function bannerWorks(demo: Demo): Promise<void> {
  const printed = demo.shell.lines
    .filter((line) => line.startsWith("  "))
    .map((line) => line.trim());
  expect(printed.map((line) => /npx \w+ \w+|mosquitto_\w+/.exec(line)?.[0])).toEqual([
    "npx outrider get",
    "npx outrider power",
    "npx outrider console",
    "mosquitto_sub",
    "mosquitto_pub",
  ]);
  const [get = "", power = "", console = "", sub = "", pub = ""] = printed;
  const { OUTRIDER_URL: _, XDG_CONFIG_HOME: __, ...bare } = demo.env;
  const listening = Shell.run(sub, bare);
  await listening.says("the state", (line) => line.includes("/power/state {"));
  // Whoever attaches stays; the screen is the same console, and the program comes back.
  for (const line of [get, power, console.replace("console ", "console screen "), pub]) {
    expect([line, await Shell.run(line, bare).exited]).toEqual([line, 0]);
  }
  await listening.says("the result", (line) => /"Succeeded".*"terminal":true/.test(line));
  if (!findProgram("qemu-system-x86_64")) return;
  const machine = Shell.run(power.replace(/cycle \w+/, "on vm1"), bare);
  expect(await machine.exited).toBe(0);
  const chassis = new SlotClient(join(demo.data, "demo", "chassis", "chassis.sock"));
  onTestFinished(() => chassis.close());
  expect((await chassis.edges()).map(({ edge }) => edge)).toEqual(["supply-on"]);
}
