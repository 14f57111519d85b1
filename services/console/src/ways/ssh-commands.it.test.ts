import { nodeId } from "@outrider/contracts/ids";
import { requirePeer } from "@outrider/testing/peers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LoopbackDoor } from "../testing/loopback-door.js";
import { sshUnderTest, type SshUnderTest } from "../testing/ssh-under-test.js";

const HOSTILE = "\u001b]52;c;aGk=\u0007\u001b]0;owned\u0007";

const door = new LoopbackDoor(nodeId("n1"), nodeId("n2"));
const far = door.far("n1");
let one: SshUnderTest;
let key: string;

beforeAll(async () => {
  one = await sshUnderTest(door);
  key = await one.people.key("ada");
  far.past = Buffer.from(HOSTILE);
});
afterAll(() => one[Symbol.asyncDispose]());

describe.skipIf(!requirePeer("ssh", "apt-get install openssh-client"))("commands by SSH", () => {
  async function says(
    user: string,
    words: readonly string[],
    options: readonly string[] = [],
  ): Promise<{ code: number | null; out: string; said: string }> {
    const ran = await one.ssh([...options, `${user}@127.0.0.1`, ...words], { key });
    const [out, said] = [ran.stdout.toString("latin1"), ran.stderr];
    return { code: ran.code, out, said };
  }

  test.each([["log --raw"], ["raw"], ["raw --spy"]])(
    "%s hands exact bytes to no terminal",
    async (words) => {
      const { code, out } = await says("n1", words.split(" "), ["-tt"]);
      expect([code, out]).toEqual([2, expect.stringContaining("not for a terminal")]);
      expect(out).not.toContain("\u001b]");
    },
  );

  test.each([
    ["n7", "log -n 3", "there is no console n7 that you may see"],
    ["n7", "sysrq sync", "there is no console n7 that you may see"],
    ["n7", "attach", "there is no console n7 that you may see"],
    ["ada:n7", "log -n 3", "there is no console n7"],
    ["ada", "sysrq sync", "there is no console sync that you may see"],
    ["ada", "log n7", "there is no console n7 that you may see"],
  ])("%s@manager %s: a console that is none is named", async (user, words, told) => {
    const { code, out, said } = await says(user, words.split(" "));
    expect([code, out, said]).toEqual([1, "", expect.stringContaining(told)]);
    expect(far.did).not.toContainEqual(expect.stringContaining("sysrq"));
  });

  test("the last word names the console where the user name is nobody's and no console's", async () => {
    expect(await says("jdoe", ["log", "--raw", "n1"])).toMatchObject({ code: 0, out: HOSTILE });
    expect(await says("jdoe", ["help"])).toMatchObject({ code: 0 });
    expect(await says("ada", ["log"])).toMatchObject({
      code: 2,
      said: expect.stringContaining("say which console, as the last word"),
    });
  });

  test("log --raw hands exact bytes to a program", async () => {
    expect(await says("n1", ["log", "--raw"])).toMatchObject({ code: 0, out: HOSTILE });
  });
});
