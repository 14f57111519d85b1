import { once } from "node:events";
import { systemClock } from "@outrider/contracts/clock";
import { nodeId } from "@outrider/contracts/ids";
import { eventually } from "@outrider/testing/eventually";
import ssh2, { type ClientChannel } from "ssh2";
import { describe, expect, test } from "vitest";
import { LoopbackDoor } from "../testing/loopback-door.js";
import { sshUnderTest } from "../testing/ssh-under-test.js";

const CHANNEL_REQUEST = 98;
const CHANNEL_SUCCESS = 99;
const CHANNEL_FAILURE = 100;

/** What is used of the inside of a client: it has no call for break requests. */
interface Inside {
  readonly _protocol: {
    readonly _handlers: Record<string, (protocol: unknown, ...rest: unknown[]) => void>;
    readonly _packetRW: {
      readonly write: {
        readonly allocStart: number;
        alloc(length: number): Buffer;
        finalize(packet: Buffer): Buffer;
      };
    };
    readonly _cipher: { encrypt(packet: Buffer): void };
  };
}

/** Sends a request of a session with four bytes of data, as RFC 4254 and RFC 4335 lay it out. */
function send(
  client: ssh2.Client,
  channel: ClientChannel,
  type: string,
  ms: number,
  wantReply: boolean,
): void {
  const { _packetRW: rw, _cipher: cipher } = (client as unknown as Inside)._protocol;
  const { outgoing } = channel as unknown as { readonly outgoing: { readonly id: number } };
  const packet = rw.write.alloc(1 + 4 + 4 + type.length + 1 + 4);
  let at = rw.write.allocStart;
  packet[at] = CHANNEL_REQUEST;
  packet.writeUInt32BE(outgoing.id, (at += 1));
  packet.writeUInt32BE(type.length, (at += 4));
  packet.write(type, (at += 4), "latin1");
  packet[(at += type.length)] = wantReply ? 1 : 0;
  packet.writeUInt32BE(ms, at + 1);
  cipher.encrypt(rw.write.finalize(packet));
}

describe("break requests of SSH clients (RFC 4335)", () => {
  test("are as long as they say, within bounds, and are answered where an answer is wanted", async () => {
    const door = new LoopbackDoor(nodeId("n1"));
    const far = door.far("n1");
    await using one = await sshUnderTest(door, systemClock, { anonymous: "loopback-operator" });
    const client = new ssh2.Client();
    client.connect({ host: "127.0.0.1", port: one.port, username: "n1", authHandler: ["none"] });
    await once(client, "ready");
    const channel = await new Promise<ClientChannel>((resolve, reject) => {
      client.shell((error, opened) => (error ? reject(error) : resolve(opened)));
    });
    channel.resume();
    await eventually("somebody types", () => far.writer);
    const answers: number[] = [];
    const { _handlers: handlers } = (client as unknown as Inside)._protocol;
    handlers["CHANNEL_SUCCESS"] = () => void answers.push(CHANNEL_SUCCESS);
    handlers["CHANNEL_FAILURE"] = () => void answers.push(CHANNEL_FAILURE);
    send(client, channel, "break", 0, false);
    send(client, channel, "break", 700, false);
    await eventually("both are done", () => far.did.length === 2);
    expect(answers).toEqual([]);
    send(client, channel, "break", 1, true);
    send(client, channel, "break", 4_000_000_000, true);
    send(client, channel, "nonsense@example.org", 0, true);
    await eventually("all are answered", () => answers.length === 3);
    expect(answers).toEqual([CHANNEL_SUCCESS, CHANNEL_SUCCESS, CHANNEL_FAILURE]);
    expect(far.did).toEqual(["break", "break 700", "break 500", "break 3000"]);
    client.end();
  });
});
