import type { WireLines, WireSettings } from "@outrider/console-link/console-stream";
import type { ConsoleTold } from "@outrider/contracts/console-attach";
import { nodeId } from "@outrider/contracts/ids";
import { ACTOR_PATTERN } from "@outrider/contracts/ids";
import { COM_CONTROL, MODEM_STATE, type ComPortMessage } from "@outrider/telnet/com-port";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Attachment } from "../sessions/attachment.js";
import { isFromBrowser } from "./browser-guard.js";
import { concernsMask, modemOctet, PRETENDED_LINE } from "./com-port-line.js";
import { ComPortServer } from "./com-port-server.js";
import { withoutClashes } from "./declared-ports.js";
import { readExecCommand } from "./exec-command.js";
import { visitorFrom } from "./far-address.js";
import { LinePrompt } from "../sessions/line-prompt.js";
import { readUserName } from "./ssh-user-name.js";

describe("SSH user names", () => {
  test("a console, a person, or both", () => {
    expect(readUserName("n1")).toEqual({ kind: "one", name: "n1" });
    expect(readUserName("ada:n1")).toEqual({ kind: "both", person: "ada", node: "n1" });
    expect(readUserName("ada+n1")).toEqual({ kind: "both", person: "ada", node: "n1" });
    expect(readUserName("ada:")).toEqual({ kind: "both", person: "ada", node: "" });
    expect(readUserName("ada@example.org+n1")).toMatchObject({ person: "ada@example.org" });
  });

  test("(P15) whatever is read holds nothing that a log or a topic could stumble over", () => {
    for (const hostile of ["", "a b", "a\n", ":n1", "ada:n1:x", "ada:../x", "+", "anonymous"]) {
      expect([hostile, readUserName(hostile)]).toEqual([hostile, undefined]);
    }
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
        const read = readUserName(text);
        const words = read?.kind === "both" ? [read.person, read.node] : [read?.name ?? ""];
        for (const word of words) expect(word).toMatch(/^[A-Za-z0-9._@-]{0,64}$/);
      }),
    );
  });
});

describe("commands", () => {
  test("are read with the console of the user name, or as the last word", () => {
    expect(readExecCommand("log --since 10m -f", "n1")).toEqual({
      verb: "log",
      node: "n1",
      wish: { since: "10m", format: "text", follow: true },
    });
    expect(readExecCommand("log -n 5 n2", undefined)).toMatchObject({
      node: "n2",
      wish: { lines: 5, format: "text", follow: false },
    });
    expect(readExecCommand("log", "n1")).toMatchObject({ wish: { lines: 200 } });
    expect(readExecCommand("log -n all --json", "n1")).toMatchObject({
      wish: { format: "jsonl", follow: false },
    });
    expect(readExecCommand("log --boot n1", undefined)).toMatchObject({ wish: { boot: 0 } });
    expect(readExecCommand("log --boot -2 --until 2026-11-23T08:00:00Z", "n1")).toEqual({
      verb: "log",
      node: "n1",
      wish: { boot: -2, until: "2026-11-23T08:00:00Z", format: "text", follow: false },
    });
    expect(readExecCommand("log --previous-boot --raw", "n1")).toMatchObject({
      wish: { boot: -1, format: "raw" },
    });
    expect(readExecCommand("break double --take", "n1")).toEqual({
      verb: "break",
      node: "n1",
      take: true,
      name: "double",
    });
    expect(readExecCommand("", "n1")).toMatchObject({
      verb: "attach",
      mode: "write",
      escape: "^Ec",
    });
    expect(readExecCommand("take --replay boot", "n1")).toMatchObject({
      mode: "take",
      replay: "boot",
    });
    expect(readExecCommand("sysrq sync sync", "n1")).toMatchObject({ keys: ["sync", "sync"] });
    expect(readExecCommand("sysrq loglevel-7 s 9", "n1")).toMatchObject({
      keys: ["loglevel-7", "sync", "loglevel-9"],
    });
  });

  test("what is none of them is a sentence, and never anything that is run", () => {
    for (const text of [
      "sh",
      "log --since ../x",
      "sysrq sync explode",
      "sysrq",
      "spy n1 n2",
      "break ../../x",
      "attach --escape abcdef",
      "log -n",
      "log -n 5 --boot",
      "log --raw --json",
      "log --until whenever",
      "--bogus",
    ]) {
      expect([text, readExecCommand(text, "n1")]).toEqual([
        text,
        { problem: expect.any(String) as string },
      ]);
    }
    expect(readExecCommand("log UPPER", undefined)).toHaveProperty("problem");
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 1200 }), (text) => {
        expect(typeof readExecCommand(text, "n1")).toBe("object");
      }),
    );
  });
});

describe("a line at a prompt", () => {
  const typed = (text: string, echo = true): { shown: string; line: string | undefined } => {
    let shown = "";
    const prompt = new LinePrompt({
      hidden: !echo,
      show: (bytes) => (shown += Buffer.from(bytes).toString()),
    });
    let line: string | undefined;
    for (const byte of Buffer.from(text)) line ??= prompt.take(Uint8Array.of(byte))?.line;
    return { shown, line };
  };

  test("can be mended, holds what UTF-8 holds, and a password is not shown", () => {
    expect(typed("adx\u007fa\r").line).toBe("ada");
    expect(typed("wrong\u0015ada\r").line).toBe("ada");
    expect(typed("gr\u00fc\u007f\u00fcn\r").line).toBe("gr\u00fcn");
    expect(typed("secret\r", false)).toEqual({ shown: "\r\n", line: "secret" });
  });

  test("controls are neither taken nor shown, and it is bounded", () => {
    expect(typed("a\u001b[2Jb\r")).toEqual({ shown: "a[2Jb\r\n", line: "a[2Jb" });
    expect(typed(`${"x".repeat(1000)}\r`).line).toHaveLength(500);
    expect(new LinePrompt({ show: () => undefined }).take(Buffer.from("a\u0003b"))).toEqual({
      line: undefined,
      taken: 2,
    });
  });
});

describe("who has no name", () => {
  test("is an actor by address, may do nothing elsewhere, and a browser is none of them", () => {
    for (const address of ["10.0.0.7", "fe80::1%eth0", "::1", "\n".repeat(100)]) {
      const visitor = visitorFrom(address, nodeId("n1"), "raw");
      expect(visitor.actor).toMatch(ACTOR_PATTERN);
      expect(visitor.subject()).toMatchObject({ nodes: ["n1"], kind: "anonymous" });
    }
    expect(isFromBrowser(Buffer.from("POST /x HTTP/1.1\r\n"))).toBe(true);
    expect(isFromBrowser(Buffer.from("GET https://x/ HTTP/1.1\r\n"))).toBe(true);
    expect(isFromBrowser(Uint8Array.of(0x16, 3, 1, 2, 0, 1))).toBe(true);
    expect(isFromBrowser(Buffer.from("GETTY=1\r"))).toBe(false);
    expect(isFromBrowser(Buffer.from("root\r"))).toBe(false);
  });
});

describe("ports", () => {
  test("one port has one way in, whoever has it keeps it, and all are accounted for", () => {
    const declared = fc.uniqueArray(
      fc.record({
        way: fc.constantFrom("telnet" as const, "raw" as const),
        node: fc.constantFrom(nodeId("n1"), nodeId("n2"), nodeId("n3")),
        port: fc.constantFrom(7001, 7002),
      }),
      { selector: ({ way, node }) => `${way} ${node}` },
    );
    fc.assert(
      fc.property(declared, declared, (before, after) => {
        const open = withoutClashes(before, []).wanted;
        const { wanted, clashes } = withoutClashes(after, open);
        expect(new Set(wanted.map(({ port }) => port)).size).toBe(wanted.length);
        expect(wanted.length + clashes.length).toBe(after.length);
        for (const one of open) {
          const still = after.find(
            ({ way, node, port }) => way === one.way && node === one.node && port === one.port,
          );
          if (still) expect(wanted).toContain(still);
        }
      }),
    );
  });
});

describe("RFC 2217 server", () => {
  /** A console that does what it is told after a turn, and notes it. */
  function at(attachment: Partial<Attachment> = {}): {
    did: string[];
    sent: ComPortMessage[];
    server: ComPortServer;
    lines: { modem: WireLines | undefined };
  } {
    const did: string[] = [];
    const sent: ComPortMessage[] = [];
    const lines: { modem: WireLines | undefined } = { modem: undefined };
    const done = async (what: string): Promise<ConsoleTold> => {
      await Promise.resolve();
      did.push(what);
      return { told: "done" };
    };
    let line: WireSettings = PRETENDED_LINE;
    const console = {
      get line() {
        return line;
      },
      get modem() {
        return lines.modem;
      },
      ask: (ask: { settings?: string }) => {
        line = { ...line, baudRate: Number(ask.settings?.split(",")[0]) };
        return done(`line ${ask.settings}`);
      },
      control: (which: object) => done(JSON.stringify(which)),
      holdBreak: (on: boolean) => done(`break ${on}`),
      purge: (what: string) => done(`purge ${what}`),
      ...attachment,
    } as unknown as Attachment;
    return {
      did,
      sent,
      lines,
      server: new ComPortServer(console, "test", (one) => sent.push(one)),
    };
  }

  test("asks are answered one for one, in order, whatever they are", async () => {
    const kinds = fc.constantFrom(
      "baud" as const,
      "data-size" as const,
      "parity" as const,
      "stop-size" as const,
      "control" as const,
      "purge" as const,
      "line-state-mask" as const,
      "modem-state-mask" as const,
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ kind: kinds, value: fc.nat(255) }), { maxLength: 40 }),
        async (asks) => {
          const { sent, server } = at();
          for (const ask of asks) expect(server.receive(ask)).toBe(true);
          for (let turns = 0; turns < 500 && sent.length < asks.length; turns++)
            await Promise.resolve();
          expect(sent.map(({ kind }) => kind)).toEqual(asks.map(({ kind }) => kind));
        },
      ),
    );
  });

  test("a client that asks without end is not queued without end", () => {
    const { server } = at({ purge: () => new Promise(() => undefined) });
    let taken = 0;
    while (server.receive({ kind: "purge", value: 1 })) taken += 1;
    expect(taken).toBeLessThan(2000);
  });

  test("a break that was refused is not said to be on", async () => {
    const refused = async (): Promise<ConsoleTold> => ({ told: "refused", code: "unsupported" });
    const { sent, server } = at({ holdBreak: refused });
    server.receive({ kind: "control", value: COM_CONTROL.breakOn });
    for (let turns = 0; turns < 20; turns++) await Promise.resolve();
    expect(sent).toEqual([{ kind: "control", value: COM_CONTROL.breakOff }]);
  });

  test("modem lines are told as levels and changes, and only where the mask asks for them", () => {
    const before = { cts: true, dsr: true, ri: true, dcd: false };
    const now = { cts: false, dsr: true, ri: false, dcd: true };
    const { dcd, dsr, dcdChanged, ctsChanged, riEnded, cts } = MODEM_STATE;
    expect(modemOctet(before, undefined)).toBe(MODEM_STATE.ri | dsr | cts);
    expect(modemOctet(now, before)).toBe(dcd | dsr | dcdChanged | ctsChanged | riEnded);
    expect(concernsMask(now, before, dsr)).toBe(false);
    expect(concernsMask(now, before, cts)).toBe(true);
    expect(concernsMask(now, before, ctsChanged)).toBe(true);
    const { sent, lines, server } = at();
    server.begin();
    server.receive({ kind: "modem-state-mask", value: 0 });
    lines.modem = now;
    server.modem(now);
    expect(sent.filter(({ kind }) => kind === "modem-state")).toHaveLength(1);
  });
});
