import { requirePeer } from "@outrider/testing/peers";
import { eventually } from "@outrider/testing/eventually";
import type { Browser } from "puppeteer-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { launchChromium } from "./testing/chromium.js";
import { ESC, HOSTILE } from "./testing/hostile-bytes.js";
import { openedConsole } from "./testing/console-client.js";
import { startLab, type Lab } from "./testing/lab.js";
import { openTerminalPage } from "./testing/terminal-page.js";

const HAS_CHROMIUM = requirePeer("chromium", "apt-get install chromium");

type Json = Record<string, unknown>;

let lab: Lab;

beforeAll(async () => {
  lab = await startLab({ nodes: 2, consoles: true });
  await eventually(
    "the consoles are connected",
    async () => {
      const { consoles = [] } = (await json("GET", "/consoles")) as {
        consoles?: { state?: { link: { value: string } } }[];
      };
      return consoles.length === 2 && consoles.every(({ state }) => state?.link.value === "Up");
    },
    { withinMs: 60_000 },
  );
  for (const node of ["n1", "n2"]) {
    await lab.ask("POST", `/nodes/${node}/power`, { action: "On" }, { prefer: "wait=20" });
    await eventually("it asks who logs in", async () => {
      const { state } = (await json("GET", `/nodes/${node}/console`)) as {
        state?: { stage: { value: string } };
      };
      return state?.stage.value === "login";
    });
  }
});

afterAll(() => lab?.[Symbol.asyncDispose]());
// Whoever was there before may still be going, and types as long as that.
beforeEach(() =>
  eventually("nobody is there", async () => {
    const { sessions } = (await json("GET", "/consoles/sessions")) as { sessions: Json[] };
    return sessions.length === 0;
  }),
);

async function json(method: string, path: string, body?: object): Promise<Json> {
  const reply = await lab.ask(method, path, body);
  return (await reply.json()) as Json;
}
const attachUrl = (query = ""): string => `${lab.url}/api/v1/nodes/n1/console/attach${query}`;

describe("a simulated machine’s console, through agent, link, service and gateway", () => {
  it("is typed at, and what it says is kept, found and drawn", async () => {
    using client = await openedConsole(attachUrl("?replay=boot"));
    await client.sees("login:");
    client.socket.send(Buffer.from("root\r"));
    await eventually("it answers", () => client.bytes().lastIndexOf("root") > 0);
    const log = await eventually("the log has it", async () => {
      const text = await (await lab.ask("GET", "/nodes/n1/console/log?format=raw")).text();
      return text.includes("login: root") ? text : undefined;
    });
    expect(log).toContain("login:");
    const found = await lab.ask("GET", "/consoles/search?q=LOGIN&nodes=n1");
    expect(JSON.parse((await found.text()).split("\n")[0] ?? "")).toMatchObject({
      node: "n1",
      text: expect.stringContaining("login") as string,
      at: expect.stringMatching(/Z$/) as string,
    });
    expect(await json("GET", "/nodes/n1/console/boots")).toMatchObject({
      boots: expect.arrayContaining([
        expect.objectContaining({ stages: expect.arrayContaining(["login"]) as string[] }),
      ]) as object[],
    });
    expect(await json("GET", "/nodes/n1/console/screen")).toMatchObject({
      columns: 80,
      text: expect.stringContaining("login: root") as string,
    });
  });

  it("has one who types, who is shown, and does what is asked without sitting there", async () => {
    using client = await openedConsole(attachUrl("?replay=none"));
    await eventually("it is attached", () => client.told[0]?.["writes"]);
    const who = (await json("GET", "/consoles/sessions")) as { sessions: Json[] };
    expect(who.sessions).toMatchObject([{ node: "n1", writes: true, actor: "person:anonymous" }]);
    const busy = await lab.ask("POST", "/nodes/n1/console/act", { ask: "sysrq", keys: ["help"] });
    expect([busy.status, ((await busy.json()) as Json)["code"]]).toEqual([409, "conflict"]);
    const done = await lab.ask("POST", "/nodes/n1/console/act", {
      ask: "sysrq",
      keys: ["help"],
      take: true,
    });
    expect(done.status).toBe(200);
    await client.sees("sysrq: HELP");
    const { sessions } = who;
    const ended = await lab.ask("DELETE", `/consoles/sessions/${String(sessions[0]?.["id"])}`);
    expect(ended.status).toBe(204);
    expect(await client.closed).toBe(1000);
    expect(client.told.at(-1)).toMatchObject({ told: "bye", code: "disconnected" });
  });
});

describe.skipIf(!HAS_CHROMIUM)("a simulated machine’s console in Chromium", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium(["--disable-features=LocalNetworkAccessChecks"]);
  });
  afterAll(() => browser?.close());
  afterEach(async () => {
    for (const page of (await browser.pages()).slice(1)) await page.close();
  });

  it("shows what is typed, as the machine echoes it", async () => {
    const terminal = await openTerminalPage(browser, lab.url, { node: "n1", replay: "lines:50" });
    await terminal.shows("login:");
    await terminal.page.focus(".xterm-helper-textarea");
    await terminal.page.keyboard.type("browser");
    await terminal.shows("browser");
    expect(terminal.disturbances).toEqual([]);
    await terminal.page.close();
  });

  it("P13: has no title, clipboard or page in its hands, and keeps what it said", async () => {
    const terminal = await openTerminalPage(browser, lab.url, { node: "n1", replay: "none" });
    expect((await terminal.state()).writes).toBe(true);
    const hostile = HOSTILE.map(([, bytes]) => bytes).join("");
    await lab.rack.client.say(1, Buffer.from(`${hostile}${ESC}[0m\r\nafter it\r\n`, "latin1"));
    await terminal.shows("after it");
    expect(await terminal.page.title()).toBe("terminal");
    expect((await terminal.state()).titles).toEqual([]);
    expect(terminal.disturbances).toEqual([]);
    const log = await eventually("the log has it", async () => {
      const reply = await lab.ask("GET", "/nodes/n1/console/log?format=raw");
      const bytes = Buffer.from(await reply.arrayBuffer()).toString("latin1");
      return bytes.includes("after it") ? bytes : undefined;
    });
    // The machine echoes what the terminal answers, wherever in what it says that comes.
    const { sent } = await terminal.state();
    expect(sent.reduce((text, answer) => text.replace(answer, ""), log)).toContain(hostile);
    await terminal.page.close();
  });

  it("P13: is answered by who types, once, and by nobody who looks on", async () => {
    const writer = await openTerminalPage(browser, lab.url, { node: "n2", replay: "none" });
    const viewers = await Promise.all(
      [1, 2, 3].map(() => openTerminalPage(browser, lab.url, { node: "n2", mode: "spy" })),
    );
    const before = (await lab.rack.client.consoleCounts(2)).received;
    await lab.rack.client.say(2, Buffer.from(`${ESC}[casked\r\n`));
    for (const one of [writer, ...viewers]) await one.shows("asked");
    const answer = `${ESC}[?1;2c`;
    await eventually("the answer arrives", async () => {
      const { sent } = await writer.state();
      const { received: now } = await lab.rack.client.consoleCounts(2);
      return sent.join("") === answer && now - before === answer.length;
    });
    for (const viewer of viewers) expect((await viewer.state()).sent).toEqual([]);
    // Whoever comes later is shown the question no more.
    const later = await openTerminalPage(browser, lab.url, {
      node: "n2",
      mode: "spy",
      replay: "lines:5",
    });
    await later.shows("asked");
    expect((await later.state()).sent).toEqual([]);
    expect((await lab.rack.client.consoleCounts(2)).received - before).toBe(answer.length);
  });
});
