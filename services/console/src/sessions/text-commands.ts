import type { ConsoleAsk } from "@outrider/contracts/console-attach";
import { SYSRQ_KEYS, SYSRQ_NAMES, sysRqName } from "@outrider/contracts/console";
import type { Attachment } from "./attachment.js";

/** What the commands of a terminal need of the session that they are typed in. */
export interface CommandHost {
  readonly attachment: Attachment;
  /** As the person writes it. */
  readonly escape: string;
  /** Shows a sentence. */
  say(text: string): void;
  /** Shows lines as they are. */
  show(lines: readonly string[]): void;
  /** Asks a question and goes on with the answer, which is a key or a line. */
  question(text: string, single: boolean, answer: (text: string) => void): void;
  /** Asks the console and shows what it answers. */
  ask(ask: ConsoleAsk): void;
  leave(): void;
}

/** Conserver's keys, where it has the command, and what they do. */
const HELP: readonly (readonly [key: string, what: string])[] = [
  [".", "leave"],
  ["a", "type, if nobody does"],
  ["f", "take the console from who types"],
  ["s", "look on"],
  ["w", "who is here"],
  ["i", "how the console is reached"],
  ["r", "the last 20 lines again"],
  ["p", "the last 60 lines again"],
  ["R", "the boot so far again"],
  ["S", "the screen as it stands"],
  ["l0", "send a break; l? lists break sequences, l: asks for the name of one"],
  ["q", "Magic SysRq"],
  ["d", "turn DTR over"],
  ["t", "turn RTS over"],
  ["P", "power"],
  ["b", "a message to all who are here"],
  ["?", "this"],
];

/** Does what the key after the escape stands for. */
export function command(key: string, host: CommandHost): void {
  switch (key) {
    case ".":
      return host.leave();
    case "a":
      return host.ask({ ask: "write" });
    case "f":
      return host.ask({ ask: "take" });
    case "s":
      return host.ask({ ask: "release" });
    case "w":
      return host.ask({ ask: "who" });
    case "i":
      return info(host);
    case "r":
      return host.ask({ ask: "replay", from: "lines:20" });
    case "p":
      return host.ask({ ask: "replay", from: "lines:60" });
    case "R":
      return host.ask({ ask: "replay", from: "boot" });
    case "S":
      return host.ask({ ask: "replay", from: "screen" });
    case "l":
      return host.question("break: 0 for one, ? for the sequences, : for a name", true, (one) =>
        breakOf(one, host),
      );
    case "q":
      return sysrq(host);
    case "d":
    case "t":
      return pulse(key === "d" ? "dtr" : "rts", host);
    case "P":
      return power(host);
    case "b":
      return host.question("message", false, (text) => host.ask({ ask: "message", text }));
    case "\r":
    case "\n":
    case " ":
      return undefined;
    case "?":
      return host.show(HELP.map(([one, what]) => `  ${host.escape}${one.padEnd(3)} ${what}`));
    default:
      return host.say(`there is no such command; ${host.escape}? lists them`);
  }
}

function info({ attachment, show }: CommandHost): void {
  show(attachment.about.map((line) => `  ${line}`));
}

/** Keys of break sequences, in the order of their names: conserver's, and more. */
const BREAK_KEYS = "123456789abcdefghijklmnopqrstuvwxyz";

function breakOf(key: string, host: CommandHost): void {
  const { breakNames } = host.attachment;
  if (key === "0") return host.ask({ ask: "break" });
  if (key === "?") {
    return host.show([
      `  ${host.escape}l0 one break`,
      ...breakNames.map((name, index) => `  ${host.escape}l${BREAK_KEYS[index] ?? ":"} ${name}`),
    ]);
  }
  const send = (name: string | undefined): void => {
    if (name !== undefined) return host.ask({ ask: "break", name });
    return host.say(`there is no such sequence; ${host.escape}l? lists them`);
  };
  if (key !== ":") return send(breakNames[BREAK_KEYS.indexOf(key)]);
  return host.question("break sequence", false, (text) => {
    const wanted = text.trim();
    if (wanted !== "") send(breakNames.find((name) => name === wanted));
  });
}

function sysrq(host: CommandHost): void {
  const keys = SYSRQ_NAMES.filter((name) => !name.startsWith("loglevel-"));
  host.show([
    ...keys.map((name) => `  ${SYSRQ_KEYS[name]}  ${name}`),
    "  0-9  loglevel-0 to loglevel-9: what the kernel shows here, 9 is all",
  ]);
  host.question("SysRq key, or its name", false, (text) => {
    const wanted = text.trim();
    const name = sysRqName(wanted);
    if (name) host.ask({ ask: "sysrq", keys: [name] });
    else if (wanted !== "") host.say("there is no such key");
  });
}

function pulse(line: "dtr" | "rts", host: CommandHost): void {
  host.question(`turn ${line.toUpperCase()} over? It may reset the machine. y/n`, true, (yes) => {
    if (yes === "y") host.ask({ ask: "pulse", line });
  });
}

function power(host: CommandHost): void {
  const { actions, node } = host.attachment;
  if (actions.length === 0) return host.say("the power of this node cannot be switched");
  host.show(actions.map((action, index) => `  ${index + 1}  ${action}`));
  host.question("power: number or name", false, (text) => {
    const wanted = text.trim();
    if (wanted === "") return;
    const action = actions[Number(wanted) - 1] ?? actions.find((one) => one === wanted);
    if (!action) return host.say("there is no such action");
    if (action === "On") return host.ask({ ask: "power", action });
    host.question(`${action} ${node}? y/n`, true, (yes) => {
      if (yes === "y") host.ask({ ask: "power", action });
    });
  });
}
