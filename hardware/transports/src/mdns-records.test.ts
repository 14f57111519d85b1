import { encode, type Answer } from "dns-packet";
import { describe, expect, it } from "vitest";
import { MdnsRecords } from "./mdns-records.js";

const SSH = "_ssh._tcp.local";
const FROM = "10.0.0.9";

const response = (answers: Answer[]): Buffer => encode({ type: "response", id: 1, answers });

/** What a host says that has one service. */
function service({
  type = SSH,
  name = "node one",
  target = "node-1.local",
  address = "10.0.0.9",
  port = 22,
}): Answer[] {
  const full = `${name}.${type}`;
  return [
    { type: "PTR", name: type, data: full },
    { type: "SRV", name: full, data: { target, port, priority: 0, weight: 0 } },
    { type: "TXT", name: full, data: ["gen=2", "gen=1", "flag", Buffer.from("App=a\u0007b")] },
    { type: "A", name: target, data: address },
  ];
}

function heard(...packets: (readonly [Buffer, string])[]): MdnsRecords {
  const records = new MdnsRecords([SSH]);
  for (const [bytes, from] of packets) records.take(bytes, from);
  return records;
}

describe("answers by mDNS", () => {
  it("are put together, in whatever order and from however many packets they come", () => {
    const answers = service({});
    const expected = [
      {
        type: SSH,
        name: "node one",
        host: "node-1",
        address: "10.0.0.9",
        saidBy: FROM,
        port: 22,
        text: new Map([
          ["gen", "2"],
          ["flag", ""],
          ["app", "a?b"],
        ]),
      },
    ];
    expect(heard([response(answers.toReversed()), FROM]).services()).toEqual(expected);
    const pieces = heard(...answers.map((one) => [response([one]), FROM] as const));
    expect(pieces.services()).toEqual(expected);
  });

  it("are asked for where they are not complete", () => {
    const [name = [], srv = []] = service({}).map((one) => [one]);
    const full = `node one.${SSH}`;
    expect(heard([response(name), FROM]).open(9)).toEqual([
      { name: full, type: "SRV" },
      { name: full, type: "TXT" },
    ]);
    expect(heard([response([...name, ...srv]), FROM]).open(9)).toEqual([
      { name: "node-1.local", type: "A" },
      { name: full, type: "TXT" },
    ]);
    expect(heard([response(service({})), FROM]).open(9)).toEqual([]);
  });

  it.each([
    ["another type than was asked for", { type: "_http._tcp.local" }],
    ["a host of another domain", { target: "example.com" }],
    ["a host with letters that no host has", { target: "a b.local" }],
    ["a host that is an option", { target: "-o.local" }],
    ["no port", { port: 0 }],
    ["the asker's own address", { address: "127.0.0.1" }],
    ["an address of many", { address: "224.0.0.1" }],
    ["the address of nobody", { address: "0.0.0.0" }],
    ["the address of all", { address: "255.255.255.255" }],
  ])("of %s are passed over", (_, wrong) => {
    expect(heard([response(service(wrong)), FROM]).services()).toEqual([]);
  });

  it("are shown on one line and in plain letters", () => {
    const name = "a\u001b[31m\u202e\r\nb".padEnd(60, "x");
    const [one] = heard([response(service({ name })), FROM]).services();
    expect(one?.name).toMatch(/^[\x20-\x7e]{1,63}$/);
  });

  it("count by the first word: who comes later changes nothing", () => {
    const later = service({ address: "10.0.0.66" });
    const records = heard([response(service({})), FROM], [response(later), "10.0.0.66"]);
    expect(records.services()).toMatchObject([{ address: "10.0.0.9", saidBy: FROM }]);
  });

  it("are no questions, and nothing that is cut off or made of noise", () => {
    const whole = response(service({}));
    for (let end = 0; end < whole.length; end += 1) {
      expect(heard([whole.subarray(0, end), FROM]).services()).toEqual([]);
    }
    // Each byte once as everything that confuses: pointers to itself, lengths beyond the end.
    for (let at = 0; at < whole.length; at += 1) {
      for (const value of [0x00, 0x3f, 0xc0, 0xff, at & 0xff]) {
        const changed = Buffer.from(whole);
        changed[at] = value;
        for (const { host, port } of heard([changed, FROM]).services()) {
          expect(host).toMatch(/^[A-Za-z0-9-]{1,63}$/);
          expect(port).toBeGreaterThan(0);
        }
      }
    }
    const question = encode({ type: "query", id: 1, questions: [{ type: "PTR", name: SSH }] });
    expect(heard([question, FROM]).open(9)).toEqual([]);
  });

  it("of one who floods end, and the others are still heard", () => {
    const records = new MdnsRecords([SSH]);
    for (let nth = 0; nth < 5000; nth += 1) {
      const flood = service({ name: `x${nth}`, target: `x${nth}.local`, address: "10.0.0.66" });
      records.take(response(flood), "10.0.0.66");
    }
    const services = records.services();
    expect(services.length).toBeLessThanOrEqual(200);
    records.take(response(service({})), FROM);
    expect(records.services()).toHaveLength(services.length + 1);
    expect(records.open(5).length).toBeLessThanOrEqual(5);
    records.take(Buffer.alloc(9001), "10.0.0.10");
  });
});
