import type { ConsoleAsk } from "@outrider/contracts/console-attach";
import { SYSRQ_KEYS, SYSRQ_NAMES } from "@outrider/contracts/console";
import type { Attachment } from "./attachment.js";
import { lineText } from "./line-settings.js";

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
  ["l0", "send a break; l? lists break sequences"],
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
      return host.question("break: 0 for one, ? for the sequences", true, (one) =>
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
  const { node, line, modem, writes } = attachment;
  const on = modem && Object.entries(modem).flatMap(([name, isOn]) => (isOn ? [name] : []));
  show([
    `  ${node}: ${writes ? "you type" : "you look on"}`,
    ...(line ? [`  the line has ${lineText(line)}`] : []),
    ...(on ? [`  on: ${on.length > 0 ? on.join(", ") : "no line"}`] : []),
  ]);
}

function breakOf(key: string, host: CommandHost): void {
  const { breakNames } = host.attachment;
  if (key === "0") return host.ask({ ask: "break" });
  if (key === "?") {
    return host.show([
      `  ${host.escape}l0 one break`,
      ...breakNames.map((name, index) => `  ${host.escape}l${index + 1} ${name}`),
    ]);
  }
  const name = breakNames[Number(key) - 1];
  if (name === undefined) return host.say(`there is no such sequence; ${host.escape}l? lists them`);
  return host.ask({ ask: "break", name });
}

function sysrq(host: CommandHost): void {
  host.show(SYSRQ_NAMES.map((name) => `  ${SYSRQ_KEYS[name]}  ${name}`));
  host.question("SysRq key, or its name", false, (text) => {
    const wanted = text.trim();
    const name = SYSRQ_NAMES.find((one) => one === wanted || SYSRQ_KEYS[one] === wanted);
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
