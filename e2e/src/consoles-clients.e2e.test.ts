import { writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { PYTHON, requirePyserial } from "@outrider/console-service/testing/python";
import { openConsole, openedConsole } from "@outrider/gateway-service/testing/console-client";
import { launchChromium } from "@outrider/gateway-service/testing/chromium";
import { ESC, HOSTILE } from "@outrider/gateway-service/testing/hostile-bytes";
import { openTerminalPage } from "@outrider/gateway-service/testing/terminal-page";
import { startProgram } from "@outrider/testing/child";
import { eventually } from "@outrider/testing/eventually";
import { freePort } from "@outrider/testing/free-port";
import { hasMosquittoClients } from "@outrider/testing/mqtt-cli";
import { requirePeer } from "@outrider/testing/peers";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { allUp } from "./consoles/judged.js";
import { Lines, nodeOf } from "./consoles/lines.js";
import { Program } from "./consoles/people.js";
import { WebClient } from "./consoles/web-client.js";
import { Deployment } from "./deployment.js";
import type { Rest } from "./fleet/rest.js";
import { watched } from "./watched.js";

/** The programs that people use, at the consoles of a whole deployment, and what a machine may say to them. */

const LIMIT_MS = 90_000;
/** A line that gives back what is typed. */
const ECHO = nodeOf(0);
const SPY = "mode=spy&replay=none";

/** What else is used against terminals: strings in every form, and what makes a terminal answer or type. */
const MORE_HOSTILE = [
  "]4;1;?",
  "]11;?",
  "]1337;File=inline=1:AAAA",
  "]9;hello",
  "P+q544e",
  "P0;1|17/726d",
  "Pq#0;2;0;0;0~~",
  "_Gf=24,a=T;AAAA",
  "^privacy",
  "Xstring",
  "ktitle",
].map((text) => `${ESC}${text}${ESC}\\`);
const MORE_QUESTIONS = ["[0c", "[=c", "[5n", "[?6n", "[x", "Z", "[21t", "[1;1;1;1;24;80*y", "[5i"]
  .map((text) => `${ESC}${text}`)
  .join("");
const EIGHT_BITS = "\x9d52;c;eA==\x07\x9b6n\x90$q\x9c";

let lines: Lines;
let lab: Deployment;
let rest: Rest;
const port = { telnet: 0, hostile: 0, rfc2217: 0 };

const peers =
  hasMosquittoClients() &&
  requirePeer("ssh", "apt-get install openssh-client") &&
  requirePeer("telnet", "apt-get install telnet");

describe.skipIf(!peers)("at the consoles of a whole deployment", () => {
  beforeAll(async () => {
    for (const way of ["telnet", "hostile", "rfc2217"] as const) port[way] = await freePort();
    lines = await Lines.start(1, () => ({ echo: true }));
    const { telnet, rfc2217 } = port;
    lab = await Deployment.start({
      rack: ["normal"],
      nodes: {
        n1: { rack: 1, wake: "button", console: { telnet: port.hostile } },
        ...lines.nodes(() => ({ telnet, rfc2217 })),
      },
      gateway: true,
    });
    await allUp(lab, lines);
    rest = await lab.rest();
    await lab.node("n1").command("On");
    await lab.node("n1").settles("On", "Running");
  });
  afterAll(async () => {
    await lab?.[Symbol.asyncDispose]();
    await lines?.[Symbol.asyncDispose]();
  });
  watched(() => lab);
  afterEach(async () => {
    const left = async (): Promise<boolean> => {
      const { sessions } = await rest.get<{ sessions: object[] }>("/consoles/sessions");
      return sessions.length === 0;
    };
    await eventually("everybody has left", left, { withinMs: LIMIT_MS });
  });

  test("OpenSSH types, sends a break and leaves", async () => {
    await using ada = await Program.ssh(lab, "n1");
    await ada.sees("^Ec? helps");
    const { breaks } = await lab.rack.client.consoleCounts(1);
    ada.type("root\r");
    await ada.sees("root");
    ada.type("\r~B");
    await eventually("the machine has the break", async () => {
      return (await lab.rack.client.consoleCounts(1)).breaks === breaks + 1;
    });
    ada.type("\u0005c.");
    await ada.ends();
    await using log = await Program.ssh(lab, "n1", "log", "-n", "5");
    await log.sees("root");
    await log.ends();
  });

  test("OpenSSH cycles the machine from inside its console, after it was asked whether it is meant", async () => {
    const node = lab.node("n1");
    await node.settles("On", "Running");
    await node.mark();
    await using ada = await Program.ssh(lab, "n1");
    await ada.sees("^Ec? helps");
    ada.type("\u0005cP");
    await ada.sees("power: number or name");
    ada.type("PowerCycle\r");
    await ada.sees("PowerCycle n1? y/n");
    expect(await node.edgeNames()).toEqual([]);
    ada.type("y");
    await node.edge("supply-on");
    expect(await node.edgeNames()).toEqual(["supply-off/api", "supply-on/api"]);
    await node.settles("On", "Running");
    ada.type("\u0005c.");
    await ada.ends();
  });

  test("telnet types", async () => {
    await using bob = await Program.telnet(lab, port.telnet);
    bob.type("by telnet\n");
    await eventually("it is typed", async () => {
      return (await lines.sender.heard(0)).includes("by telnet");
    });
    await bob.sees("by telnet");
  });

  test.skipIf(!requirePyserial())(
    "pyserial has all 256 values back, by itself and through ser2net",
    async () => {
      expect(await python(`rfc2217://127.0.0.1:${port.rfc2217}`)).toBe("True");
      if (!requirePeer("ser2net", "apt-get install ser2net")) return;
      const config = join(lab.data, "..", "ser2net.yaml");
      const other = await freePort();
      await writeFile(
        config,
        `connection: &one
  accepter: telnet(rfc2217),tcp,127.0.0.1,${other}
  connector: telnet(rfc2217),tcp,127.0.0.1,${port.rfc2217}
`,
      );
      await using _ser2net = await startProgram("ser2net", {
        args: ["-n", "-d", "-c", config, "-P", join(lab.data, "..", "ser2net.pid")],
        ready: "none",
      });
      await eventually("ser2net listens", () => canConnect(other));
      expect(await python(`rfc2217://127.0.0.1:${other}`)).toBe("True");
    },
  );

  test.skipIf(!requirePeer("chromium", "apt-get install chromium"))(
    "xterm.js in Chromium shows what is typed; who looks on answers no question (P13)",
    async () => {
      // A page that was slipped in has no address of its own, and Chromium lets such ones reach no local one.
      const browser = await launchChromium(["--disable-features=LocalNetworkAccessChecks"]);
      try {
        await signIn(await browser.newPage());
        const { url } = rest;
        const writer = await openTerminalPage(browser, url, { node: ECHO, replay: "none" });
        await writer.page.focus(".xterm-helper-textarea");
        await writer.page.keyboard.type("browser");
        await writer.shows("browser");
        const viewer = await openTerminalPage(browser, url, { node: ECHO, mode: "spy" });
        await writer.page.close();
        const heard = (await lines.sender.heard(0)).length;
        const hostile = HOSTILE.map(([, bytes]) => bytes).join("");
        await lines.sender.say(0, Buffer.from(`${hostile}${ESC}[0m\r\nafter it\r\n`, "latin1"));
        await viewer.shows("after it");
        expect(await viewer.page.title()).toBe("terminal");
        expect(await viewer.state()).toMatchObject({ titles: [], sent: [], writes: false });
        expect(viewer.disturbances).toEqual([]);
        expect((await lines.sender.heard(0)).length).toBe(heard);
      } finally {
        await browser.close();
      }
    },
  );

  test("hostile bytes reach no terminal, and nothing is typed by itself (P13)", async () => {
    using writer = await WebClient.open(rest, "n1");
    using viewer = await WebClient.open(rest, "n1", SPY);
    using person = await WebClient.open(rest, "n1", `${SPY}&escape=%5EEc`);
    await using ssh = await Program.ssh(lab, "n1", "spy");
    await using telnet = await Program.telnet(lab, port.hostile);
    await ssh.sees("^Ec? helps");
    const { received } = await lab.rack.client.consoleCounts(1);
    const before = [ssh, telnet].map(({ shown }) => shown.length);
    for (const bytes of [
      ...HOSTILE.map(([, text]) => text),
      ...MORE_HOSTILE,
      MORE_QUESTIONS,
      EIGHT_BITS,
      // Nobody ends this one.
      `${ESC}]52;c;${"x".repeat(200_000)}`,
    ]) {
      await lab.rack.client.say(1, Buffer.from(`${bytes}\u0018\r\n`, "latin1"));
    }
    await lab.rack.client.say(1, Buffer.from("after it\r\n"));
    for (const one of [writer, viewer, person, ssh, telnet]) await one.sees("after it");
    const looksOn = [
      viewer.bytes,
      person.bytes,
      ssh.shown.subarray(before[0]),
      telnet.shown.subarray(before[1]),
    ];
    for (const shown of [writer.bytes, ...looksOn]) {
      expect(shown.includes("click")).toBe(true);
      // oxlint-disable-next-line no-control-regex -- control characters are what this is about
      expect(shown.toString("latin1")).not.toMatch(/\u001b[\]PX^_k\\]/);
      expect(shown.toString("utf8")).not.toMatch(/[\u0080-\u009f]/);
    }
    for (const shown of looksOn) {
      expect(shown.toString("latin1")).not.toMatch(
        // oxlint-disable-next-line no-control-regex -- as above
        /\u0005|\u001b(Z|\[[<-?]?[\d;:]*[ -/]*[cntxyi]|\[[<-?]?[\d;:]*\$[pw])/,
      );
    }
    writer.type("x");
    await eventually("one key is typed", async () => {
      return (await lab.rack.client.consoleCounts(1)).received > received;
    });
    expect((await lab.rack.client.consoleCounts(1)).received).toBe(received + 1);
    const raw = await fetch(`${rest.url}/api/v1/nodes/n1/console/log?format=raw`, {
      headers: { authorization: `Bearer ${rest.token}` },
    });
    // The log has it as it was said.
    const log = Buffer.from(await raw.arrayBuffer());
    for (const bytes of MORE_HOSTILE) expect(log.includes(Buffer.from(bytes, "latin1"))).toBe(true);
  });

  test("a foreign origin, a foreign host and a used ticket open no console (P14)", async () => {
    const url = `${rest.url}/api/v1/nodes/${ECHO}/console/attach`;
    const { body } = await rest.ask("POST", "/tickets");
    const { ticket } = body as { ticket: string };
    const protocols = ["outrider.v1", `ticket.${ticket}`];
    for (const [headers, status] of [
      [{ origin: "http://evil.example" }, 403],
      [{ origin: "null" }, 403],
      [{ host: "evil.example" }, 421],
    ] as const) {
      expect(await openConsole(url, protocols, headers)).toMatchObject({ status });
      const token = { ...headers, authorization: `Bearer ${rest.token}` };
      expect(await openConsole(url, ["outrider.v1"], token)).toMatchObject({ status });
    }
    const { sessions } = await rest.get<{ sessions: object[] }>("/consoles/sessions");
    expect(sessions).toEqual([]);
    using first = await openedConsole(url, protocols);
    expect(first.socket.readyState).toBe(1);
    expect(await openConsole(url, protocols)).toMatchObject({
      status: 401,
      body: { code: "bad-ticket" },
    });
  });
});

interface Page {
  goto(url: string): Promise<unknown>;
  evaluate(script: string): Promise<unknown>;
  close(): Promise<void>;
}

/** Signs the browser in, by a page of the gateway's own. */
async function signIn(page: Page): Promise<void> {
  const { username, password } = await lab.identities.secret("person", "operator");
  await page.goto(rest.url);
  const body = JSON.stringify(JSON.stringify({ name: username, password }));
  const status = await page.evaluate(
    `fetch("/api/v1/session", { method: "POST", headers: { "content-type": "application/json", "outrider-via": "web" }, body: ${body} }).then(({ status }) => status)`,
  );
  expect(status).toBe(201);
  await page.close();
}

/** Writes all values at a serial port of the network, four thousand bytes, and reads them back. */
async function python(url: string): Promise<string> {
  const script = `
import serial
port = serial.serial_for_url('${url}', baudrate=9600, timeout=30)
all = bytes(range(256)) * 16
port.write(all)
print(port.read(len(all)) == all)
port.close()`;
  const ran = await startProgram(PYTHON, { args: ["-c", script], ready: "none" });
  await ran.exited;
  return `${ran.lines.join("\n")}${ran.stderr()}`;
}

async function canConnect(to: number): Promise<boolean> {
  const socket = connect(to, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } finally {
    socket.destroy();
  }
}
