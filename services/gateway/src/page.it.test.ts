import { requirePeer } from "@outrider/testing/peers";
import type { Browser, Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launchChromium } from "./testing/chromium.js";
import { startLab, type Lab } from "./testing/lab.js";

const HAS_CHROMIUM = requirePeer("chromium", "apt-get install chromium");

describe.skipIf(!HAS_CHROMIUM)("the page, in Chromium", () => {
  let lab: Lab;
  let browser: Browser;
  let page: Page;
  const complaints: string[] = [];

  beforeAll(async () => {
    [lab, browser] = await Promise.all([startLab({ bare: ["x1"] }), launchChromium()]);
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
    // By keyboard: rows move under a pointer when what they say takes more room.
    await page.focus(`tr[data-node="${node}"] input`);
    await page.keyboard.press("Space");
  };

  it("shows nodes with what was measured, and names with markup as text", async () => {
    await page.waitForSelector('tr[data-node="n4"]');
    await shows('tr[data-node="n1"]', "ReadBack");
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
    await select("x1");
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

  it("has a number typed before it acts on more than three", async () => {
    for (const node of ["n2", "n3", "n4"]) await select(node);
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
    await shows("#count", "2 of 5 nodes");
    await page.evaluate(`document.querySelector("#filter").value = ""`);
    await page.type("#filter", "n[1-");
    await until(`document.querySelector("#filter-problem").textContent !== ""`);
    await page.evaluate(
      `document.querySelector("#filter").value = "";
       document.querySelector("#filter").dispatchEvent(new Event("input"))`,
    );
    await shows("#count", "5 nodes");
  });

  it("shows values as stale once nothing is heard any more", async () => {
    await lab.gateway.kill("SIGSTOP");
    try {
      await until(`document.querySelectorAll("tr.stale").length === 5`, 60_000);
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
    expect(complaints.filter((one) => !one.includes("422"))).toEqual([]);
  });
});
