import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { OptionNegotiation, type Negotiated, type Side } from "./option-negotiation.js";
import { COMMAND, OPTION, type Verb } from "./telnet-codes.js";
import { TelnetPeer } from "./telnet-peer.js";
import { askTerminalType, readTerminalType, terminalTypePayload } from "./terminal-type.js";
import { readWindowSize, windowSizePayload } from "./window-size.js";

const side = fc.constantFrom<Side>("us", "them");
const verb = fc.constantFrom<Verb>("will", "wont", "do", "dont");
const option = fc.constantFrom(0, 1, 3, 34, 44);
const options = fc.uniqueArray(option);
const wish = fc.record({ end: fc.constantFrom(0, 1), side, option, on: fc.boolean() });

interface Said {
  readonly verb: Verb;
  readonly option: number;
}

/** Two ends that are joined by queues. */
class Pair {
  readonly ends: readonly [OptionNegotiation, OptionNegotiation];
  readonly queues: [Said[], Said[]] = [[], []];
  said = 0;

  constructor(agreeable: readonly (readonly number[])[]) {
    const [a = [], b = [], c = [], d = []] = agreeable;
    this.ends = [
      new OptionNegotiation({ us: a, them: b }),
      new OptionNegotiation({ us: c, them: d }),
    ];
  }

  /** What one end wants to say is on its way to the other. */
  say(end: number, { send }: Negotiated): void {
    if (!send) return;
    this.said += 1;
    this.queues[end === 0 ? 1 : 0].push(send);
  }

  deliver(end: number): void {
    const next = this.queues[end === 0 ? 0 : 1].shift();
    if (next) this.say(end, (this.ends[end] ?? this.ends[0]).receive(next.verb, next.option));
  }

  settle(): void {
    for (let round = 0; round < 1000; round++) {
      if (this.queues[0].length === 0 && this.queues[1].length === 0) return;
      this.deliver(0);
      this.deliver(1);
    }
    throw new Error("the two ends never come to rest");
  }
}

describe("option negotiation", () => {
  test("two ends that want anything in any order come to rest, and agree", () => {
    fc.assert(
      fc.property(
        fc.array(options, { minLength: 4, maxLength: 4 }),
        fc.array(fc.oneof(wish, fc.constantFrom("deliver-0", "deliver-1")), { maxLength: 60 }),
        (agreeable, acts) => {
          const pair = new Pair(agreeable);
          for (const act of acts) {
            if (typeof act === "string") pair.deliver(act === "deliver-0" ? 0 : 1);
            else {
              const end = pair.ends[act.end === 0 ? 0 : 1];
              pair.say(act.end, end.want(act.side, act.option, act.on));
            }
          }
          pair.settle();
          for (const one of [0, 1, 3, 34, 44]) {
            const [left, right] = pair.ends;
            expect(left.isOn("us", one)).toBe(right.isOn("them", one));
            expect(left.isOn("them", one)).toBe(right.isOn("us", one));
            expect(left.isPending("us", one) || right.isPending("us", one)).toBe(false);
          }
        },
      ),
    );
  });

  test("whatever a far end says, each verb is answered with one at most, and refusals with none", () => {
    fc.assert(
      fc.property(options, options, fc.array(fc.tuple(verb, option)), (us, them, heard) => {
        const end = new OptionNegotiation({ us, them });
        let answers = 0;
        for (const [said, about] of heard) {
          const { send } = end.receive(said, about);
          if (send) answers += 1;
          if (said === "wont" || said === "dont") {
            if (send) expect(["wont", "dont"]).toContain(send.verb);
          }
          if (send?.verb === "will") expect(us).toContain(about);
          if (send?.verb === "do") expect(them).toContain(about);
        }
        expect(answers).toBeLessThanOrEqual(heard.length);
      }),
    );
  });

  test("what holds is not confirmed, what is unknown is refused, a timing mark is answered each time", () => {
    const end = new OptionNegotiation({ us: [OPTION.ECHO] });
    expect(end.want("us", OPTION.ECHO, true).send).toEqual({ verb: "will", option: OPTION.ECHO });
    expect(end.want("us", OPTION.ECHO, true)).toEqual({});
    expect(end.receive("do", OPTION.ECHO)).toEqual({
      changed: { side: "us", option: OPTION.ECHO, on: true },
    });
    expect(end.receive("do", OPTION.ECHO)).toEqual({});
    expect(end.receive("will", OPTION.LINEMODE).send).toEqual({
      verb: "dont",
      option: OPTION.LINEMODE,
    });
    expect(end.receive("dont", OPTION.LINEMODE)).toEqual({});
    for (let time = 0; time < 2; time++) {
      expect(end.receive("do", OPTION.TIMING_MARK).send?.verb).toBe("will");
    }
  });
});

describe("telnet peer", () => {
  test("two peers agree on BINARY, and then every byte is sent as it is", () => {
    const got: number[] = [];
    const commands: number[] = [];
    const wires: Uint8Array[][] = [[], []];
    const client = new TelnetPeer({
      us: [OPTION.BINARY],
      them: [OPTION.BINARY],
      listener: { data: () => undefined },
      send: (chunk) => wires[1]?.push(chunk.slice()),
    });
    const server = new TelnetPeer({
      us: [OPTION.BINARY],
      them: [OPTION.BINARY],
      endOfLine: "cr",
      listener: {
        data: (chunk) => got.push(...chunk),
        command: (code) => commands.push(code),
      },
      send: (chunk) => wires[0]?.push(chunk.slice()),
    });
    const settle = (): void => {
      for (let chunk = wires[0]?.shift(); chunk; chunk = wires[0]?.shift()) client.receive(chunk);
      for (let chunk = wires[1]?.shift(); chunk; chunk = wires[1]?.shift()) {
        for (const byte of chunk) server.receive(Uint8Array.of(byte));
      }
    };
    server.want("us", OPTION.BINARY);
    server.want("them", OPTION.BINARY);
    for (let round = 0; round < 4; round++) settle();
    expect(client.isOn("us", OPTION.BINARY)).toBe(true);
    expect(server.isOn("them", OPTION.BINARY)).toBe(true);
    const all = Uint8Array.from({ length: 256 }, (_, value) => value);
    client.write(all);
    client.write(Uint8Array.of(13, 10, 13, 0, 255));
    client.command(COMMAND.BRK);
    settle();
    expect(got).toEqual([...all, 13, 10, 13, 0, 255]);
    expect(commands).toEqual([COMMAND.BRK]);
  });
});

describe("small payloads", () => {
  test("window sizes and terminal types round trip, and nothing else is read", () => {
    fc.assert(
      fc.property(fc.nat(65_535), fc.nat(65_535), (columns, rows) => {
        expect(readWindowSize(windowSizePayload({ columns, rows }))).toEqual({ columns, rows });
      }),
    );
    expect(readTerminalType(terminalTypePayload("xterm-256color"))).toEqual({
      name: "xterm-256color",
    });
    expect(readTerminalType(askTerminalType)).toBe("ask");
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (payload) => {
        const read = readTerminalType(payload);
        if (typeof read === "object") expect(read.name).toMatch(/^[\x21-\x7e]{1,40}$/);
        expect(readWindowSize(payload) === undefined).toBe(payload.length !== 4);
      }),
    );
  });
});
