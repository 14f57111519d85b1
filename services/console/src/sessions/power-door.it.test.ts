import { nodeId } from "@outrider/contracts/ids";
import { serviceReply, serviceRequest } from "@outrider/contracts/service-plane";
import { commandNode, findCommand } from "@outrider/contracts/transition";
import { RequestClient } from "@outrider/messaging/request-client";
import { Session } from "@outrider/messaging/session";
import { startTestBroker, type TestBroker } from "@outrider/testing/broker";
import { within } from "@outrider/testing/eventually";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { afterEach, beforeEach, expect, it } from "vitest";
import { milliseconds } from "@outrider/contracts/clock";
import { powerDoor } from "./power-door.js";

const ADA = { actor: "person:ada", way: "ssh" } as const;
const NODE = nodeId("n1");

let broker: TestBroker;
let clock: VirtualClock;
let power: Session;
let door: ReturnType<typeof powerDoor>;
let commands: string[];
let looks: string[];
/** What the power service answers, by operation; silence while undefined. */
let answers: { command?: object; find?: object };
const stack: Session[] = [];

function session(clientId: string): Session {
  const one = new Session({ url: broker.url, clientId });
  stack.push(one);
  one.start();
  return one;
}

beforeEach(async () => {
  broker = await startTestBroker();
  clock = new VirtualClock();
  commands = [];
  looks = [];
  answers = {};
  power = session("power");
  const serve = (
    operation: string,
    heard: (id: string) => void,
    answer: () => object | undefined,
  ) =>
    power.subscribe(
      serviceRequest,
      { service: "power", operation },
      async ({ payload: { id, client, body } }) => {
        const { set, id: command } = body as { set?: { id: string }; id?: string };
        heard(set?.id ?? command ?? "");
        const said = answer();
        if (said)
          await power.publish(serviceReply, { service: "power", client, id }, { id, ...said });
      },
    );
  serve(
    commandNode.name,
    (id) => commands.push(id),
    () => answers.command,
  );
  serve(
    findCommand.name,
    (id) => looks.push(id),
    () => answers.find,
  );
  await power.ready(within());
  const asking = new RequestClient(session("console"), "console", clock);
  await asking.ready(within());
  door = powerDoor(asking);
});
afterEach(async () => {
  for (const one of stack.splice(0)) await one.stop();
  await broker[Symbol.asyncDispose]();
});

/** Lets the time of a request pass once the power service has it. */
async function silence(heard: () => number): Promise<void> {
  const deadline = within();
  while (heard() === 0) {
    deadline.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await clock.advance(milliseconds(10_000));
}

const accepted = (id: string | undefined): object => ({
  body: {
    result: {
      id,
      seq: 0,
      action: "PowerCycle",
      status: "Accepted",
      terminal: false,
      actor: ADA.actor,
      via: "ssh",
      startedAt: "2026-11-23T08:00:00.000Z",
    },
  },
});

it("says that nobody knows where the power service was asked and is silent", async () => {
  const asked = door(NODE, "PowerCycle", ADA, undefined);
  asked.catch(() => undefined);
  await silence(() => commands.length);
  await silence(() => looks.length);
  await expect(asked).rejects.toMatchObject({
    code: "failed",
    message: expect.stringMatching(/^nobody knows whether PowerCycle was accepted; look/) as string,
  });
  expect(commands).toHaveLength(1);
  expect(looks).toEqual(commands);
});

it("says what became of it where the power service answers late", async () => {
  const asked = door(NODE, "PowerCycle", ADA, undefined);
  asked.catch(() => undefined);
  await silence(() => {
    answers.find = accepted(commands[0]);
    return commands.length;
  });
  expect(await asked).toBe("PowerCycle: Accepted");
  expect(looks).toEqual(commands);
});

it("says that it was rejected where the power service said no", async () => {
  answers.command = { problem: { code: "not-allowed", detail: "bob has locked it" } };
  await expect(door(NODE, "PowerCycle", ADA, undefined)).rejects.toMatchObject({
    code: "rejected",
    message: "PowerCycle was not accepted: bob has locked it",
  });
  expect(looks).toEqual([]);
});
