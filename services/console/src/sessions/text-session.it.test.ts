import { systemClock } from "@outrider/contracts/clock";
import { eventually } from "@outrider/testing/eventually";
import { afterEach, beforeEach, expect, it } from "vitest";
import { OneConsole, Person } from "../testing/one-console.js";
import type { ConsoleDoor } from "./attachment.js";
import { TextSession } from "./text-session.js";

let one: OneConsole;
beforeEach(async () => {
  one = await OneConsole.start();
});
afterEach(() => one[Symbol.asyncDispose]());

/** Somebody at a terminal. */
class AtTerminal {
  readonly person: Person;
  readonly session: TextSession;
  #shown = "";

  constructor(name: string, escape = "^Ec", mode: "write" | "take" | "spy" = "write") {
    this.person = new Person(name);
    const door: Pick<ConsoleDoor, "attach"> = {
      attach: (_, visitor, options, viewer) => one.console.attach(visitor, options, viewer),
    };
    this.session = new TextSession({
      door: door as ConsoleDoor,
      node: one.console.node,
      visitor: this.person.visitor,
      mode,
      replay: "none",
      escape,
      clock: systemClock,
      output: {
        write: (bytes) => (this.#shown += Buffer.from(bytes).toString()).length > 0,
        onDrain: () => undefined,
        end: () => undefined,
      },
    });
  }

  type(text: string): Promise<void> {
    return this.session.input(Buffer.from(text));
  }

  async sees(text: string): Promise<void> {
    await eventually(`${this.person.name} sees ${text}`, () => this.#shown.includes(text));
  }

  get shown(): string {
    return this.#shown;
  }
}

it("says to somebody who looks on which keys make them type, as things stand", async () => {
  const ada = new AtTerminal("ada");
  await ada.sees("you type");
  const bob = new AtTerminal("bob", "~");
  await bob.sees("you look on");
  await bob.type("x");
  await bob.sees("take the console to type (~f takes the console)]");
  await bob.type("\r~f");
  await bob.sees("you type now");
  await ada.sees("has taken the console; you look on (^Ecf takes the console)]");
  const eve = new AtTerminal("eve", "^Ec", "spy");
  await eve.sees("you look on");
  await bob.type("\r~s");
  await eventually("nobody types", () => one.console.writer === undefined);
  await eve.type("x");
  await eve.sees("ask to write to type (^Eca types)]");
  await eve.type("\u0005cl0");
  await eventually(
    "the break is refused so, too",
    () => eve.shown.split("(^Eca types)]").length > 2,
  );
  await eve.type("\u0005ca");
  await eve.sees("you type now");
});

it("says no keys where none is interpreted, and to somebody who may not type that they may not", async () => {
  const ada = new AtTerminal("ada", "none", "spy");
  await ada.sees("you look on");
  await ada.type("x");
  await ada.sees("ask to write to type]");
  const bob = new AtTerminal("bob", "^Ec", "spy");
  await bob.sees("you look on");
  bob.person.only("read", "console-read");
  await bob.type("x");
  await bob.sees("console-write");
  expect(bob.shown).not.toMatch(/\^Ec[af] |ask to write/);
});
