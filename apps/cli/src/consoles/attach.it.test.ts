import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { eventually } from "@outrider/testing/eventually";
import { requirePeer } from "@outrider/testing/peers";
import { describe, expect, it } from "vitest";
import { Api } from "../api.js";
import { EXIT } from "../exit-code.js";
import { atTerminal, type AtTerminal } from "../testing/pseudo-terminal.js";
import { startStubConsole, type AtConsole, type StubConsole } from "../testing/stub-console.js";
import { withConsole } from "./attach.js";

const PROGRAM = fileURLToPath(new URL("../main.js", import.meta.url));
const HAS_PYTHON = requirePeer("python3", "apt-get install python3");

const environment = ({ url }: StubConsole): NodeJS.ProcessEnv => ({
  ...process.env,
  OUTRIDER_URL: url,
  XDG_CONFIG_HOME: "/nonexistent",
});
const first = (stub: StubConsole): Promise<AtConsole> =>
  eventually("somebody has attached", () => stub.attached[0]);

function person(
  stub: StubConsole,
  words = "console n1",
  more: NodeJS.ProcessEnv = {},
): Promise<AtTerminal> {
  const program = [process.execPath, PROGRAM, ...words.split(" ")];
  return atTerminal(program, { ...environment(stub), ...more });
}

describe.skipIf(!HAS_PYTHON)("a person at a console", () => {
  it("types key by key, Ctrl-C too, and sees what it says", async () => {
    await using stub = await startStubConsole();
    await using terminal = await person(stub, "console n1 --take --replay boot");
    const at = await first(stub);
    expect([at.path, Object.fromEntries(at.query)]).toEqual([
      "/api/v1/nodes/n1/console/attach",
      { mode: "take", replay: "boot", way: "cli", escape: "^Ec" },
    ]);
    at.client.send(Buffer.from("login: "));
    await terminal.shows("login: ");
    terminal.type("ro\u0003\u0004\u001a\u001c");
    await eventually("each key arrives", () => at.typed() === "ro\u0003\u0004\u001a\u001c");
    // The console echoes, not the terminal; and nothing is added to what it says.
    at.client.send(Buffer.from("one\n\rtwo\n"));
    await terminal.shows("two\n");
    expect(terminal.shown()).toBe("login: one\n\rtwo\n");
    at.client.close(1000, "left");
    expect(await terminal.ended).toEqual({ code: EXIT.verified, restored: true });
  });

  it("leaves modes that the console has set behind", async () => {
    await using stub = await startStubConsole();
    await using terminal = await person(stub);
    const at = await first(stub);
    at.client.send(Buffer.from("\u001b[?1049h\u001b[?1000hvim"));
    await terminal.shows("vim");
    at.client.close(1000, "left");
    await terminal.ended;
    expect(terminal.shown()).toContain("\u001b[?1049l\u001b[?1000l\u001b[!p");
  });

  it.each(["SIGTERM", "SIGHUP", "SIGQUIT"] as const)(
    "has a terminal as before after %s",
    async (signal) => {
      await using stub = await startStubConsole();
      await using terminal = await person(stub);
      const at = await first(stub);
      at.client.send(Buffer.from("here"));
      await terminal.shows("here");
      process.kill(terminal.pid, signal);
      const { code, restored } = await terminal.ended;
      expect({ died: code < 0, restored }).toEqual({ died: true, restored: true });
    },
  );

  it("has a terminal as before after a defect", async () => {
    await using stub = await startStubConsole();
    const defect = "process.on('SIGUSR2',()=>{throw(new(Error)('a-defect'))})";
    await using terminal = await person(stub, "console n1", {
      NODE_OPTIONS: `--import=data:text/javascript,${defect}`,
    });
    const at = await first(stub);
    at.client.send(Buffer.from("here"));
    await terminal.shows("here");
    process.kill(terminal.pid, "SIGUSR2");
    const { code, restored } = await terminal.ended;
    expect({ code, restored }).toEqual({ code: 1, restored: true });
    expect(terminal.shown()).toContain("a-defect");
  });

  it("is in a terminal that only SIGKILL leaves bare: this is how it looks then", async () => {
    await using stub = await startStubConsole();
    await using terminal = await person(stub);
    const at = await first(stub);
    at.client.send(Buffer.from("here"));
    await terminal.shows("here");
    process.kill(terminal.pid, "SIGKILL");
    expect(await terminal.ended).toEqual({ code: -9, restored: false });
  });

  it("has a terminal as before, and is told, when the gateway dies", async () => {
    await using stub = await startStubConsole();
    await using terminal = await person(stub);
    const at = await first(stub);
    at.client.terminate();
    expect(await terminal.ended).toEqual({ code: EXIT.unreachable, restored: true });
    expect(terminal.shown()).toContain("the connection has broken");
  });

  it("leaves with the escape and a full stop although the service hangs", async () => {
    await using stub = await startStubConsole();
    await using terminal = await person(stub, "console n1 -e ^]");
    const at = await first(stub);
    at.client.send(Buffer.from("here"));
    await terminal.shows("here");
    at.client.pause();
    terminal.type("\u001d");
    terminal.type(".");
    expect(await terminal.ended).toEqual({ code: EXIT.verified, restored: true });
    expect(terminal.shown()).toContain("did not answer; left");
  });

  it("stays where the service answers and does not let go", async () => {
    await using stub = await startStubConsole();
    await using terminal = await person(stub);
    const at = await first(stub);
    terminal.type("\u0005c.");
    // The local deadline passes, and is seen to have passed: what is typed after it still arrives.
    await eventually("keys arrive", () => at.typed() === "\u0005c.");
    const later = setInterval(() => terminal.type("x"), 500);
    try {
      await eventually("it is still there", () => at.typed().length > 9);
    } finally {
      clearInterval(later);
    }
    at.client.close(1000, "left");
    expect((await terminal.ended).code).toBe(EXIT.verified);
  });

  it("is refused with a sentence and the terminal untouched", async () => {
    await using terminal = await atTerminal([process.execPath, PROGRAM, "console", "n1"], {
      ...process.env,
      OUTRIDER_URL: "http://127.0.0.1:1",
    });
    expect(await terminal.ended).toEqual({ code: EXIT.unreachable, restored: true });
    expect(terminal.shown()).toContain("cannot be reached");
  });
});

describe("a program at a console", () => {
  const run = (stub: StubConsole, ...words: string[]) =>
    spawn(process.execPath, [PROGRAM, "console", "n1", ...words], { env: environment(stub) });

  it("has bytes both ways as they are", async () => {
    await using stub = await startStubConsole();
    const child = run(stub);
    const parts: Buffer[] = [];
    child.stdout.on("data", (part: Buffer) => parts.push(part));
    const at = await first(stub);
    expect(Object.fromEntries(at.query)).toEqual({
      mode: "write",
      replay: "none",
      way: "cli",
      raw: "true",
    });
    const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    child.stdin.write(all);
    await eventually("all was typed", () => at.typed() === all.toString("latin1"));
    for (let count = 0; count < 1000; count++) at.client.send(all);
    await eventually("all was said", () => Buffer.concat(parts).length === 256_000);
    expect(
      Buffer.concat(parts).equals(Buffer.concat(Array.from({ length: 1000 }, () => all))),
    ).toBe(true);
    child.kill("SIGINT");
    expect(await once(child, "close")).toEqual([EXIT.interrupted, null]);
  });

  it("that does not read is no reason to hold what the console says", async () => {
    await using stub = await startStubConsole();
    const child = run(stub, "--spy");
    const at = await first(stub);
    child.stdout.pause();
    const flood = Buffer.alloc(1_000_000, "y");
    for (let count = 0; count < 50; count++) at.client.send(flood);
    await eventually("the service has to wait", () => at.client.bufferedAmount > 40_000_000);
    child.stdout.resume();
    let length = 0;
    child.stdout.on("data", (part: Buffer) => (length += part.length));
    await eventually("all has come", () => length === 50_000_000);
    child.kill("SIGTERM");
    await once(child, "close");
  });

  it("ends so long after the last byte once input has ended", async () => {
    await using stub = await startStubConsole();
    const child = run(stub, "--linger", "300ms");
    const at = await first(stub);
    child.stdin.end("uname\r");
    await eventually("it was typed", () => at.typed() === "uname\r");
    at.client.send(Buffer.from("Linux\r\n"));
    const [code] = (await once(child, "close")) as [number];
    expect(code).toBe(EXIT.verified);
  });

  it("that looks on ends so long after the last byte", async () => {
    await using stub = await startStubConsole();
    const child = run(stub, "--spy", "--linger", "200ms");
    const at = await first(stub);
    at.client.send(Buffer.from("said\r\n"));
    expect((await once(child, "close"))[0]).toBe(EXIT.verified);
  });

  it("ends where somebody else types, unless it only looks on", async () => {
    const come = ({ tell }: AtConsole): void => tell({ told: "attached", writes: false });
    await using stub = await startStubConsole(come);
    const child = run(stub);
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
    const [code] = (await once(child, "close")) as [number];
    expect({ code, said }).toEqual({
      code: EXIT.precondition,
      said: expect.stringContaining("--take takes the console") as string,
    });
  });

  it.each([
    ["not-allowed", EXIT.notAllowed],
    ["stopping", EXIT.unreachable],
    ["disconnected", EXIT.error],
    ["left", EXIT.verified],
    ["of-a-later-version", EXIT.error],
  ])("ends with the reason that it was told: %s", async (code, exit) => {
    await using stub = await startStubConsole(({ client, tell }) => {
      tell({ told: "bye", code, text: "because" });
      client.close(1000);
    });
    const child = run(stub, "--spy");
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
    expect((await once(child, "close"))[0]).toBe(exit);
    expect(said).toBe("outrider: because\n");
  });
});

describe("what is done over a console’s WebSocket", () => {
  const api = ({ url }: StubConsole): Api =>
    new Api({ url, name: "stub" }, AbortSignal.timeout(20_000));

  it("is done in order, each once the one before was answered", async () => {
    await using stub = await startStubConsole((at) => {
      at.tell({ told: "attached", writes: true });
      at.client.on("message", (data: Buffer) => {
        const { ref } = JSON.parse(data.toString()) as { ref: number };
        at.tell({ told: "done", ref });
      });
    });
    await withConsole(api(stub), { node: "n1", take: false }, async (ask) => {
      await ask({ ask: "paste", text: "a" });
      await ask({ ask: "paste", text: "b" });
    });
    const at = await first(stub);
    expect(at.asks).toEqual([
      { ask: "paste", text: "a", ref: 1 },
      { ask: "paste", text: "b", ref: 2 },
    ]);
  });

  it("is not done while somebody else types, and says when the console goes", async () => {
    await using busy = await startStubConsole(({ tell }) =>
      tell({ told: "attached", writes: false }),
    );
    const refused = withConsole(api(busy), { node: "n1", take: false }, () => Promise.resolve());
    await expect(refused).rejects.toMatchObject({ exitCode: EXIT.precondition });
    await using gone = await startStubConsole((at) => {
      at.tell({ told: "attached", writes: true });
      at.client.on("message", () => at.client.close(1001, "stopping"));
    });
    const broken = withConsole(api(gone), { node: "n1", take: true }, (ask) =>
      ask({ ask: "paste" }),
    );
    await expect(broken).rejects.toMatchObject({ exitCode: EXIT.unreachable });
  });
});
