import { requirePeer } from "@outrider/testing/peers";
import { eventually } from "@outrider/testing/eventually";
import type { Browser } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launchChromium } from "./testing/chromium.js";
import { openedConsole } from "./testing/console-client.js";
import { startConsoleStandIn, type ConsoleStandIn } from "./testing/console-stand-in.js";
import { openDoor, type Door } from "./testing/door.js";
import { ESC, HOSTILE } from "./testing/hostile-bytes.js";
import { openTerminalPage, type TerminalPage } from "./testing/terminal-page.js";

const HAS_CHROMIUM = requirePeer("chromium", "apt-get install chromium");

describe.skipIf(!HAS_CHROMIUM)("a console in Chromium with xterm.js", () => {
  let door: Door;
  let consoles: ConsoleStandIn;
  let browser: Browser;

  beforeAll(async () => {
    door = await openDoor(true);
    const { mqttUrl, data } = door;
    consoles = await startConsoleStandIn({ mqttUrl, data, nodes: ["n1"] });
    // A page that was slipped in has no address of its own, and Chromium lets such ones reach no local one.
    browser = await launchChromium(["--disable-features=LocalNetworkAccessChecks"]);
    const { origin } = new URL(door.gateway.url);
    await browser
      .defaultBrowserContext()
      .overridePermissions(origin, [
        "clipboard-read",
        "clipboard-write",
        "clipboard-sanitized-write",
      ]);
    await eventually("the console is known", async () => {
      const reply = await door.ask("GET", "/nodes/n1/console");
      return reply.status === 200;
    });
  });

  afterAll(async () => {
    await browser?.close();
    await consoles?.[Symbol.asyncDispose]();
    await door?.[Symbol.asyncDispose]();
  });

  const open = (query: Readonly<Record<string, string>> = {}): Promise<TerminalPage> =>
    openTerminalPage(browser, door.gateway.url, { node: "n1", way: "web", ...query });
  const say = (bytes: string): void =>
    consoles.attached.at(-1)?.client.send(Buffer.from(bytes, "latin1"));

  it("shows what is typed in it, once the console has said it", async () => {
    const terminal = await open();
    await terminal.page.focus(".xterm-helper-textarea");
    await terminal.page.keyboard.type("uname -a");
    await terminal.page.keyboard.press("Enter");
    await terminal.shows("UNAME -A");
    say("\r\nLinux n1\r\n");
    await terminal.shows("Linux n1");
    expect(consoles.attached.at(-1)?.url).toContain("way=web");
    await terminal.page.close();
  });

  // The service takes them out; here they come to the page as they are, so that it holds without that as well.
  it.each(HOSTILE)("P13: %s is not what a console has in its hands", async (what, bytes) => {
    const terminal = await open({ mode: "spy" });
    const { page } = terminal;
    await page.bringToFront();
    await page.evaluate(`navigator.clipboard.writeText("mine")`);
    const before = consoles.attached.at(-1);
    const heard: unknown[] = [];
    before?.client.on("message", (data) => heard.push(data));
    say(bytes);
    say(`${ESC}[0m\r\nafter it\r\n`);
    await terminal.shows("after it");
    // Whatever it set off would have happened by the time that the page has drawn again, twice.
    await page.evaluate(
      "new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))",
    );
    expect(await page.title()).toBe("terminal");
    expect(await page.evaluate("navigator.clipboard.readText()")).toBe("mine");
    expect(terminal.disturbances).toEqual([]);
    expect(await page.$$eval("img, #terminal script, #terminal a", (found) => found.length)).toBe(
      0,
    );
    // Who looks on answers nothing, whatever their terminal would like to say.
    const { sent } = await terminal.state();
    expect(sent.length > 0).toBe(what === "questions");
    expect(heard).toEqual([]);
    await page.close();
  });

  it("P13: a link is opened by nobody but a person who was asked", async () => {
    const terminal = await open({ mode: "spy" });
    say(`${ESC}]8;;http://127.0.0.1:9/pwned${ESC}\\a link${ESC}]8;;${ESC}\\\r\nafter it\r\n`);
    await terminal.shows("after it");
    const screen = await terminal.page.$(".xterm-screen");
    const box = await screen?.boundingBox();
    await terminal.page.mouse.move((box?.x ?? 0) + 10, (box?.y ?? 0) + 5);
    expect(terminal.disturbances).toEqual([]);
    await terminal.page.mouse.click((box?.x ?? 0) + 10, (box?.y ?? 0) + 5);
    await eventually("they are asked", () => terminal.disturbances.length > 0);
    expect(terminal.disturbances).toEqual([expect.stringContaining("127.0.0.1:9/pwned") as string]);
    await terminal.page.close();
  });

  it("P14: a page of another origin is refused", async () => {
    const page = await browser.newPage();
    await page.goto("data:text/html,<title>evil</title>");
    const { host } = new URL(door.gateway.url);
    const made = await door.ask("POST", "/tickets");
    const { ticket } = (await made.json()) as { ticket: string };
    const before = consoles.attached.length;
    const outcome = await page.evaluate(
      `new Promise((resolve) => {
        const socket = new WebSocket("ws://${host}/api/v1/nodes/n1/console/attach", ["outrider.v1", "ticket.${ticket}"]);
        socket.onopen = () => resolve("open");
        socket.onclose = ({ code }) => resolve(code);
      })`,
    );
    expect(outcome).toBe(1006);
    expect(consoles.attached).toHaveLength(before);
    // It was the gateway that refused, before it came to the ticket.
    using later = await openedConsole(`${door.gateway.url}/api/v1/nodes/n1/console/attach`, [
      "outrider.v1",
      `ticket.${ticket}`,
    ]);
    expect(later.socket.readyState).toBe(1);
    await page.close();
  });
});
