import { connect } from "node:net";
import { nodeId } from "@outrider/contracts/ids";
import { eventually } from "@outrider/testing/eventually";
import { requirePeer } from "@outrider/testing/peers";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { LoopbackDoor } from "../testing/loopback-door.js";
import { openSsh } from "../testing/openssh.js";
import { PASSWORD } from "../testing/people-under-test.js";
import { serving, type Serving } from "../testing/serving.js";
import { sshUnderTest, type SshUnderTest } from "../testing/ssh-under-test.js";
import { serveTelnet } from "./telnet-server.js";

const N1 = nodeId("n1");
/** What a full-screen program of the machine sets. */
const SET = "\u001b[?1049h\u001b[?25l\u001b[?1000h\u001b[?2004hvim";
/** What a person's own shell needs. */
const UNDONE = ["\u001b[?1049l", "\u001b[?25h", "\u001b[?1000l", "\u001b[?2004l"];

const door = new LoopbackDoor(N1);
const far = door.far("n1");
let ssh: SshUnderTest;
let telnet: Serving;
let key: string;

beforeAll(async () => {
  ssh = await sshUnderTest(door);
  key = await ssh.people.key("ada");
  telnet = await serving(door, (socket, parts) => {
    serveTelnet(socket, N1, { ...parts, desk: ssh.people.desk });
  });
});
afterAll(async () => {
  await telnet[Symbol.asyncDispose]();
  await ssh[Symbol.asyncDispose]();
});
beforeEach(async () => {
  far.echo = false;
  await eventually("nobody is there", () => far.seats.length === 0);
});

interface AtTerminal {
  readonly type: (text: string) => void;
  readonly said: () => string;
}

/** @param user n1: at the console; ada: at the menu */
function bySsh(user: string): AtTerminal {
  const { child } = openSsh([...ssh.options(key), "-tt", `${user}@127.0.0.1`]);
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  return {
    type: (text) => void child.stdin.write(text),
    said: () => Buffer.concat(chunks).toString("latin1"),
  };
}

function byTelnet(): AtTerminal {
  const socket = connect(telnet.port, "127.0.0.1");
  const chunks: Buffer[] = [];
  socket.on("data", (chunk) => chunks.push(chunk));
  socket.on("error", () => undefined);
  onTestFinished(() => void socket.destroy());
  socket.write(`ada\r${PASSWORD}\r`);
  return {
    type: (text) => void socket.write(text),
    said: () => Buffer.concat(chunks).toString("latin1"),
  };
}

async function machineSets(terminal: AtTerminal): Promise<void> {
  await eventually("she types", () => far.writer?.visitor.actor === "person:ada");
  far.says(SET);
  await eventually("the terminal is set", () => terminal.said().includes("vim"));
}

/** Everything is undone by when the sentence is said, which so stands on the person's own screen. */
async function undone(terminal: AtTerminal, before: string | RegExp): Promise<void> {
  const told = await eventually(`${before} is said`, () => {
    const said = terminal.said();
    const at = said.search(before);
    return at < 0 ? undefined : said.slice(0, at);
  });
  const after = told.slice(told.indexOf("vim"));
  expect(UNDONE.filter((one) => !after.includes(one))).toEqual([]);
}

describe.skipIf(!requirePeer("ssh", "apt-get install openssh-client"))("a terminal by SSH", () => {
  test("is as before once the console is left", async () => {
    const terminal = bySsh("n1");
    await machineSets(terminal);
    terminal.type("\u0005c.");
    await undone(terminal, /\[outrider: you have left\]/);
  });

  test("is as before when the menu comes back, and again after the next console", async () => {
    const terminal = bySsh("ada");
    for (let round = 1; round <= 2; round += 1) {
      const menus = terminal.said().split("q to leave").length;
      await eventually("a menu", () => terminal.said().split("q to leave").length > menus - 1);
      terminal.type("n1\r");
      await machineSets(terminal);
      const from = terminal.said().length;
      terminal.type("\u0005c.");
      const rest = { ...terminal, said: () => `vim${terminal.said().slice(from)}` };
      await undone(rest, /q to leave/);
    }
  });

  test("is as before when the person is sent away", async () => {
    const { people } = ssh.people.identity;
    onTestFinished(async () => void (await people.change("ada", { disabled: false })));
    const terminal = bySsh("n1");
    await machineSets(terminal);
    await people.change("ada", { disabled: true });
    await undone(terminal, /\[outrider: [^\]]*disabled/);
  });

  test("is written nothing more to than the sentence where only text was shown", async () => {
    const terminal = bySsh("n1");
    await eventually("she types", () => far.writer?.visitor.actor === "person:ada");
    far.says("login: ");
    await eventually("it is shown", () => terminal.said().includes("login: "));
    terminal.type("\u0005c.");
    await eventually("it has ended", () => terminal.said().includes("you have left"));
    expect(terminal.said()).not.toContain("\u001b");
  });
});

describe("a terminal by telnet", () => {
  test("is as before once the console is left", async () => {
    const terminal = byTelnet();
    await machineSets(terminal);
    terminal.type("\u0005c.");
    await undone(terminal, /\[outrider: you have left\]/);
  });

  test("is as before when the console ends", async () => {
    const terminal = byTelnet();
    await machineSets(terminal);
    far.writer?.viewer.told({ told: "bye", code: "stopping", text: "the service stops" });
    far.seats.length = 0;
    await undone(terminal, /\[outrider: the service stops\]/);
  });
});
