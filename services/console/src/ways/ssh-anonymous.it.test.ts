import { once } from "node:events";
import { systemClock } from "@outrider/contracts/clock";
import { nodeId } from "@outrider/contracts/ids";
import { eventually } from "@outrider/testing/eventually";
import { requirePeer } from "@outrider/testing/peers";
import ssh2 from "ssh2";
import { describe, expect, test } from "vitest";
import { readConsoleConfig } from "../config.js";
import { LoopbackDoor } from "../testing/loopback-door.js";
import { sshUnderTest, type SshUnderTest } from "../testing/ssh-under-test.js";

const DEMO = { anonymous: "loopback-operator" } as const;
/** No key and no agent, and never a question. */
const BARE = ["-oBatchMode=yes"];

/** Tries to come with nothing to show. @returns whether that was enough */
async function comesAs(
  one: SshUnderTest,
  username: string,
  localAddress = "127.0.0.1",
): Promise<boolean> {
  const client = new ssh2.Client();
  client.on("error", () => undefined);
  try {
    client.connect({
      host: "127.0.0.1",
      port: one.port,
      username,
      localAddress,
      authHandler: ["none"],
    });
    return await Promise.race([
      once(client, "ready").then(
        () => true,
        () => false,
      ),
      once(client, "close").then(() => false),
    ]);
  } finally {
    client.end();
  }
}

describe("SSH in the demonstration", () => {
  test.skipIf(!requirePeer("ssh", "apt-get install openssh-client"))(
    "whoever is on this machine types at once, without a key or a password, and it is recorded",
    async () => {
      const door = new LoopbackDoor(nodeId("n1"), nodeId("n2"));
      await using one = await sshUnderTest(door, systemClock, DEMO);
      const ran = await one.ssh([...BARE, "-T", "n1@127.0.0.1", "raw"], {
        input: Buffer.from("hello"),
      });
      expect([ran.code, door.far("n1").typedText()]).toEqual([0, "hello"]);
      expect(one.people.audited).toEqual([
        {
          actor: "person:anonymous",
          via: "ssh",
          act: "session.sign-in",
          subject: "anonymous",
          stage: "outcome",
          data: { way: "ssh", address: "127.0.0.1", method: "none" },
        },
      ]);
      // With a key to show and a name that is no console: the menu.
      const key = await one.people.key("ada");
      const menu = await one.ssh(["somebody@127.0.0.1", "list"], { key });
      expect(menu.stdout.toString()).toMatch(/^n1 .*\nn2 .*\n$/);
      await eventually("all have left", () => door.far("n1").seats.length === 0);
    },
  );

  test("whoever names a person has to be that person", async () => {
    await using one = await sshUnderTest(new LoopbackDoor(nodeId("n1")), systemClock, DEMO);
    expect(await comesAs(one, "n1")).toBe(true);
    expect(await comesAs(one, "ada:n1")).toBe(false);
    expect(await comesAs(one, "ada")).toBe(false);
    expect(await comesAs(one, "nobody:n1")).toBe(false);
  });

  test("(P14) nobody comes so from another address", async () => {
    await using one = await sshUnderTest(new LoopbackDoor(nodeId("n1")), systemClock, DEMO);
    expect(await comesAs(one, "n1", "127.0.0.2")).toBe(false);
    const { desk, audited } = one.people;
    for (const from of ["10.0.0.7", "::ffff:10.0.0.7", "fe80::1", "0.0.0.0", "unknown", ""]) {
      expect(await desk.byBeingHere("n1", { way: "ssh", from })).toBeUndefined();
    }
    expect(audited).toEqual([]);
    expect(await desk.byBeingHere("n1", { way: "ssh", from: "::1" })).toMatchObject({
      visitor: { actor: "person:anonymous" },
    });
  });

  test("(P14) with a site of one's own nobody comes without credentials", async () => {
    await using one = await sshUnderTest(new LoopbackDoor(nodeId("n1")));
    expect(await comesAs(one, "n1")).toBe(false);
    expect(one.people.audited).toEqual([]);
    const demo = (environment: Record<string, string>) => readConsoleConfig(environment).demo;
    expect(demo({ OUTRIDER_SITE: "/etc/outrider/site.yaml" })).toBe(false);
    expect(demo({})).toBe(false);
    expect(demo({ OUTRIDER_DEMO: "yes" })).toBe(true);
  });
});
