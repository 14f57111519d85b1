import { readFileSync } from "node:fs";
import { eventually } from "@outrider/testing/eventually";
import type { Browser, Page } from "puppeteer-core";
import { SECURITY_HEADERS } from "../http/answer.js";

const XTERM = new URL("../lib/", import.meta.resolve("@xterm/xterm"));
const HTML = `<!doctype html><meta charset="utf-8"><title>terminal</title>
<link rel="stylesheet" href="/test/xterm.css"><div id="terminal"></div>
<script type="module" src="/test/page.js"></script>`;

/** A bare web terminal: a ticket, a WebSocket, xterm.js, and nothing else. Only who types may answer the far end. */
const SCRIPT = `
import { Terminal } from "/test/xterm.mjs";
const state = (window.state = { told: [], titles: [], sent: [], closed: undefined, writes: false });
const terminal = (window.terminal = new Terminal({ cols: 80, rows: 24 }));
terminal.open(document.querySelector("#terminal"));
terminal.onTitleChange((title) => state.titles.push(title));
const made = await fetch("/api/v1/tickets", { method: "POST", headers: { "outrider-via": "web" } });
const { ticket } = await made.json();
const query = new URLSearchParams(location.hash.slice(1));
const node = query.get("node");
query.delete("node");
const socket = new WebSocket(
  "ws://" + location.host + "/api/v1/nodes/" + node + "/console/attach?" + query,
  ["outrider.v1", "ticket." + ticket],
);
socket.binaryType = "arraybuffer";
window.socket = socket;
socket.onmessage = ({ data }) => {
  if (data instanceof ArrayBuffer) return terminal.write(new Uint8Array(data));
  const told = JSON.parse(data);
  state.told.push(told);
  if (told.writes !== undefined) state.writes = told.writes;
};
socket.onclose = ({ code }) => (state.closed = code);
const send = (text) => {
  state.sent.push(text);
  if (state.writes) socket.send(new TextEncoder().encode(text));
};
terminal.onData(send);
terminal.onBinary(send);
`;

/** As the gateway's own pages have them, but that xterm.js writes style elements of its own. */
const HEADERS = {
  ...SECURITY_HEADERS,
  "content-security-policy": SECURITY_HEADERS["content-security-policy"]?.replace(
    "style-src 'self'",
    "style-src 'self' 'unsafe-inline'",
  ),
};

const FILES: Readonly<Record<string, readonly [type: string, body: () => string | Buffer]>> = {
  "/test/": ["text/html; charset=utf-8", () => HTML],
  "/test/page.js": ["text/javascript; charset=utf-8", () => SCRIPT],
  "/test/xterm.mjs": [
    "text/javascript; charset=utf-8",
    () => readFileSync(new URL("xterm.mjs", XTERM)),
  ],
  "/test/xterm.css": [
    "text/css; charset=utf-8",
    () => readFileSync(new URL("../css/xterm.css", XTERM)),
  ],
};

/** What the page has come to. */
export interface PageState {
  readonly told: readonly Readonly<Record<string, unknown>>[];
  readonly titles: readonly string[];
  /** What the terminal wanted to send, typed or by itself. */
  readonly sent: readonly string[];
  readonly closed: number | undefined;
  readonly writes: boolean;
}

/** A page with a terminal, open in a browser. */
export interface TerminalPage {
  readonly page: Page;
  /** Pages that were opened and dialogs that were shown since. */
  readonly disturbances: readonly string[];
  /** What the browser has said of the page. */
  readonly complaints: readonly string[];
  state(): Promise<PageState>;
  /** The screen, line by line. */
  screen(): Promise<string>;
  shows(text: string): Promise<void>;
}

/**
 * Opens a terminal at a console on the gateway's own origin: its files are slipped in where the gateway has none.
 * @param query `node` and what the WebSocket takes
 */
export async function openTerminalPage(
  browser: Browser,
  url: string,
  query: Readonly<Record<string, string>>,
): Promise<TerminalPage> {
  const page = await browser.newPage();
  const disturbances: string[] = [];
  const complaints: string[] = [];
  page.on("dialog", (dialog) => {
    disturbances.push(`dialog: ${dialog.message()}`);
    dialog.dismiss().catch(() => undefined);
  });
  page.on("console", (message) => complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("popup", () => disturbances.push("a page was opened"));
  page.on("framenavigated", (frame) => {
    if (!frame.url().startsWith(`${url}/test/`)) disturbances.push(`went to ${frame.url()}`);
  });
  await page.setRequestInterception(true);
  page.on("request", (request) => {
    const { pathname } = new URL(request.url());
    const file = FILES[pathname];
    const done = file
      ? request.respond({
          status: 200,
          contentType: file[0],
          headers: HEADERS,
          body: file[1](),
        })
      : request.continue();
    done.catch(() => undefined);
  });
  await page.goto(`${url}/test/#${new URLSearchParams(query).toString()}`);
  const state = (): Promise<PageState> => page.evaluate("window.state") as Promise<PageState>;
  const screen = (): Promise<string> =>
    page.evaluate(`(() => {
      const { active } = window.terminal.buffer;
      return Array.from({ length: active.length }, (_, y) => active.getLine(y).translateToString(true)).join("\\n").trimEnd();
    })()`) as Promise<string>;
  await eventually("the page is attached or refused", async () => {
    const { told, closed } = (await state()) ?? { told: [], closed: undefined };
    return told.length > 0 || closed !== undefined;
  });
  return {
    page,
    complaints,
    disturbances,
    state,
    screen,
    shows: async (text) => {
      await eventually(`the page shows ${text}`, async () => {
        const seen = await screen();
        if (seen.includes(text)) return true;
        throw new Error(JSON.stringify({ seen, complaints, state: await state() }).slice(0, 2000));
      });
    },
  };
}
