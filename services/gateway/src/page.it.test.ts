import { domainAlarm } from "@outrider/contracts/telemetry";
import { Session } from "@outrider/messaging/session";
import { beforeRetry } from "@outrider/testing/before-retry";
import { within } from "@outrider/testing/eventually";
import { requirePeer } from "@outrider/testing/peers";
import type { Browser, Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { launchChromium } from "./testing/chromium.js";
import { startLab, type Lab } from "./testing/lab.js";
import { alarmOf } from "./testing/telemetry-stand-in.js";

const HAS_CHROMIUM = requirePeer("chromium", "apt-get install chromium");

/** A node whose agent never comes. */
const AWAY =
  "  z1: { power: { agent: rack-a, driver: simulated, options: { socket: /nowhere, slot: 1 } } }\n";
/** A limit that every node with supply is beyond. */
const ALARMS = `alarms:
  lit: { sensor: supply, quantity: voltageVolts, upper: { critical: 1 }, hysteresis: 0.1 }
  throttled: off
  silent: off
  readings-missing: off
  agent-away: off
`;

describe.skipIf(!HAS_CHROMIUM)("the page, in Chromium", () => {
  let lab: Lab;
  let browser: Browser;
  let page: Page;
  const complaints: string[] = [];

  beforeAll(async () => {
    [lab, browser] = await Promise.all([
      startLab({ bare: ["x1"], agents: ["rack-a"], site: AWAY + ALARMS, sensors: true }),
      launchChromium(),
    ]);
    page = await browser.newPage();
    page.on("console", (message) => {
      if (message.type() === "error") complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.setDefaultTimeout(20_000);
    await page.goto(lab.url);
  });

  afterAll(async () => {
    await browser?.close();
    await lab?.[Symbol.asyncDispose]();
  });

  // Nothing is chosen, and nothing is asked.
  beforeRetry(async () => {
    await page.goto(lab.url);
    await page.waitForSelector('tr[data-node="n4"]');
  });

  /** Resolves once an expression of the page is true. */
  const until = (expression: string, timeout = 20_000): Promise<unknown> =>
    page.waitForFunction(expression, { timeout });
  const text = (selector: string): Promise<string> =>
    page.$eval(selector, (element) => element.textContent ?? "");
  const shows = (selector: string, words: string): Promise<unknown> =>
    until(
      `document.querySelector(${JSON.stringify(selector)})?.textContent?.includes(${JSON.stringify(words)})`,
    );
  const select = async (node: string): Promise<void> => {
    if (await page.$eval(`tr[data-node="${node}"] input`, (one) => one.matches(":checked"))) return;
    // By keyboard: rows move under a pointer when what they say takes more room.
    await page.focus(`tr[data-node="${node}"] input`);
    await page.keyboard.press("Space");
  };

  it("shows nodes with what was measured, and names with markup as text", async () => {
    await page.waitForSelector('tr[data-node="n4"]');
    await shows('tr[data-node="n1"]', "ReadBack");
    // Nobody has seen the host: it is halted because its supply is off.
    expect(await text('tr[data-node="n1"] [data-name="Evidence"]')).toBe("ReadBack, Assumed");
    expect(await text('tr[data-node="n1"] .id')).toBe("n1Node <b>1</b>");
    expect(await page.$$eval("tbody b", (found) => found.length)).toBe(0);
    await page
      .screenshot({ path: process.env["OUTRIDER_SCREENSHOT"] ?? "/dev/null", type: "png" })
      .catch(() => undefined);
  });

  it("says why an action cannot be asked for", async () => {
    expect(
      await page.$eval('[data-action="PowerCycle"]', (one) => one.getAttribute("aria-disabled")),
    ).toBe("true");
    await page.hover('[data-action="PowerCycle"]');
    await shows("#why-not", "Select nodes first.");
    await select("x1");
    await page.hover('[data-action="Nmi"]');
    await shows("#why-not", "The control interfaces of x1 cannot do Nmi.");
    await page.focus(`tr[data-node="x1"] input`);
    await page.keyboard.press("Space");
  });

  it("asks before it acts, and shows what was measured afterwards", async () => {
    await select("n1");
    await page.click('[data-action="ForceOff"]');
    await page.waitForSelector("#confirm[open]");
    expect(await text("#confirm-nodes")).toBe("n1 (Node <b>1</b>)");
    await page.click('#confirm button[value="do"]');
    await shows('tr[data-node="n1"] td:nth-child(3)', "Off");
    await shows("#notices", "ForceOff of n1: verified");
    await shows("#events", "n1: ForceOff by person:anonymous: Succeeded");
  });

  it("says why a node cannot be managed", async () => {
    await shows('tr[data-node="z1"]', "agent rack-a was never seen");
    await shows('tr[data-node="x1"]', "no interface of it is bound to an agent");
    expect(await text('tr[data-node="n1"] [data-name="Management"]')).toBe("Available");
    const listed = await lab.ask("GET", "/agents");
    const { agents } = (await listed.json()) as { agents: { id: string; status?: object }[] };
    expect(agents.map(({ id, status }) => [id, status !== undefined])).toEqual([
      ["lab", true],
      ["rack-a", false],
    ]);
    const one = await lab.ask("GET", "/agents/rack-a");
    expect([one.status, await one.json()]).toEqual([200, { id: "rack-a" }]);
    expect((await lab.ask("GET", "/agents/rack-b")).status).toBe(404);
  });

  it("shows alarms that stand, in the row of their node and above all, and takes them away", async () => {
    const order = async (action: string): Promise<void> => {
      await lab.ask("POST", "/nodes/n3/power", { action }, { prefer: "wait=30" });
    };
    const cell = 'tr[data-node="n3"] [data-name="Alarm"]';
    const listed = '[data-alarm="node:n3/lit"]';
    await order("ForceOff");
    await until(`document.querySelector('${cell}').textContent === ""`);
    await order("On");
    await shows(cell, "voltage of supply is");
    await shows(listed, "Critical n3: voltage of supply is");
    await shows("#alarm-count", "1 alarm, 1 critical");
    const comment = "<b>I know</b>";
    await lab.ask("POST", "/alarms/node%3An3/lit/acknowledge", { comment });
    await shows(listed, `seen by person:anonymous: ${comment}`);
    expect(await page.$$eval("#alarms b", (found) => found.length)).toBe(0);
    await order("ForceOff");
    await until(`document.querySelector('${cell}').textContent === ""`);
    await shows("#alarm-count", "No alarms");
    expect(await page.$(listed)).toBeNull();
  });

  it("asks which alarms stand as soon as one of the site turns", async () => {
    const session = new Session({
      url: String(lab.env["OUTRIDER_MQTT_URL"]),
      clientId: "alarm-of-the-site",
    });
    session.start();
    try {
      await session.ready(within());
      // More often than it asks by itself.
      for (const alarm of ["first", "second", "third"]) {
        const asked = page.waitForRequest((request) => request.url().includes("/alarms?"));
        session.retain(domainAlarm, { domain: "psu-a", alarm }, alarmOf(alarm));
        await asked;
        session.retain(domainAlarm, { domain: "psu-a", alarm }, undefined);
      }
    } finally {
      await session.stop();
    }
  });

  it("says that nobody knows which alarms stand when the telemetry service is away", async () => {
    await lab.telemetry.kill("SIGTERM");
    await shows(
      "#alarm-count",
      "Which alarms stand is not known: the telemetry service is not there",
    );
  });

  it("keeps why a command failed beside the command", async () => {
    await lab.rack.client.faults(2, { refuseOn: true });
    onTestFinished(async () => void (await lab.rack.client.faults(2, {})));
    const order = { action: "On" };
    const failed = await lab.ask("POST", "/nodes/n2/power", order, { prefer: "wait=30" });
    const { result } = (await failed.json()) as { result: { id: string; reasonCode: string } };
    const cell = 'tr[data-node="n2"] [data-name="Last command"]';
    await shows(cell, result.reasonCode);
    expect(await text(cell)).toMatch(/^On: (Failed|TimedOut)/);
    const seen = (await (await lab.ask("GET", "/nodes/n2")).json()) as { lastResult: object };
    expect(seen.lastResult).toEqual(result);
  });

  it("shows what runs above the table, and how it ended below, failures in red", async () => {
    const order = { action: "ForceOff", nodes: "n[3-4],x1", staggerMs: 3000 };
    const { id } = (await (await lab.ask("POST", "/power", order)).json()) as { id: string };
    await page.waitForSelector(`#running [data-transition="${id}"] .progress`);
    expect(await page.$(`#transitions [data-transition="${id}"]`)).toBeNull();
    const isAbove = `document.querySelector("#running").getBoundingClientRect().bottom <=
      document.querySelector("table").getBoundingClientRect().top`;
    expect(await page.evaluate(isAbove)).toBe(true);
    await page.waitForSelector(`#transitions [data-transition="${id}"]`);
    expect(await page.$("#running li")).toBeNull();
    const widthOf = (part: string): Promise<number> =>
      page.$eval(`[data-transition="${id}"] .${part}`, (one) => one.getBoundingClientRect().width);
    expect((await widthOf("part.good")) / (await widthOf("part.bad"))).toBeCloseTo(2, 1);
    const colourOf = (part: string): Promise<unknown> =>
      page.evaluate(
        `getComputedStyle(document.querySelector('[data-transition="${id}"] .part.${part}')).backgroundColor`,
      );
    expect(await colourOf("good")).not.toBe(await colourOf("bad"));
  });

  it("has a number typed before it acts on more than three", async () => {
    for (const node of ["n1", "n2", "n3", "n4"]) await select(node);
    await page.click('[data-action="ForceRestart"]');
    await page.waitForSelector("#confirm[open]");
    const isDisabled = (): Promise<boolean> =>
      page.$eval('#confirm button[value="do"]', (one) => one.matches(":disabled"));
    expect(await isDisabled()).toBe(true);
    await page.type('#confirm input[name="typed"]', "4");
    expect(await isDisabled()).toBe(false);
    await page.click('#confirm button[value="cancel"]');
    await page.waitForSelector("#confirm:not([open])");
    expect(await page.$("#confirm[open]")).toBeNull();
  });

  it("filters by node set, and says what is wrong with one", async () => {
    await page.type("#filter", "@storage");
    await shows("#count", "2 of 6 nodes");
    await page.evaluate(`document.querySelector("#filter").value = ""`);
    await page.type("#filter", "n[1-");
    await until(`document.querySelector("#filter-problem").textContent !== ""`);
    await page.evaluate(
      `document.querySelector("#filter").value = "";
       document.querySelector("#filter").dispatchEvent(new Event("input"))`,
    );
    await shows("#count", "6 nodes");
  });

  it("shows values as stale once nothing is heard any more", async () => {
    await lab.gateway.kill("SIGSTOP");
    try {
      await until(`document.querySelectorAll("tr.stale").length === 6`, 60_000);
      expect(await text('tr[data-node="n1"] td.age')).toContain("stale");
    } finally {
      await lab.gateway.kill("SIGCONT");
    }
    await until(`document.querySelectorAll("tr.stale").length < 2`);
  });

  it("fits a telephone", async () => {
    await page.setViewport({ width: 390, height: 800 });
    const overflow = await page.evaluate(
      "document.documentElement.scrollWidth - document.documentElement.clientWidth",
    );
    expect(overflow).toBe(0);
  });

  it("met no error and nothing that its policy forbids", () => {
    expect(complaints.filter((one) => !/ (422|503) /.test(one))).toEqual([]);
  });
});
