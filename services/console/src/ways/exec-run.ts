import { seconds, type Clock } from "@outrider/contracts/clock";
import type { ConsoleAsk, ConsoleTold } from "@outrider/contracts/console-attach";
import {
  AttachRefused,
  type Attachment,
  type ConsoleDoor,
  type Viewer,
  type Visitor,
} from "../sessions/attachment.js";
import { QueryError } from "../http/log-query.js";
import { timeOfMicros } from "../sessions/micros.js";
import { sinceOf } from "../sessions/replay-start.js";
import { sessionLine } from "../sessions/session-line.js";
import { EXEC_HELP, type ExecCommand, type LogWords } from "./exec-command.js";
import { inOrder } from "./input-pump.js";

/** Where a command runs: standard input and outputs of the far end. */
export interface ExecPlace {
  readonly door: ConsoleDoor;
  readonly visitor: Visitor;
  readonly clock: Clock;
  /** @returns whether more may come at once */
  out(bytes: Uint8Array): boolean;
  onDrain(callback: () => void): void;
  /** A line for the person. */
  say(line: string): void;
  /** Told on standard error. */
  complain(line: string): void;
  /** Hands over what comes in; `end`: nothing more will. */
  onInput(take: (bytes: Buffer) => Promise<void>, end: () => void): void;
  /** Aborted when the far end is gone. */
  readonly gone: AbortSignal;
}

/** How long a program that has said all still hears. */
const LINGER = seconds(1);

/** Runs a command that is no terminal session. @returns the exit status; never rejects for what a person can get wrong */
export async function runExec(
  command: Exclude<ExecCommand, { verb: "attach" }>,
  place: ExecPlace,
): Promise<number> {
  try {
    switch (command.verb) {
      case "help":
        for (const line of EXEC_HELP.trimEnd().split("\n")) place.say(line);
        return 0;
      case "list":
        for (const { node, name, summary } of place.door.visibleTo(place.visitor)) {
          place.say([node.padEnd(20), name.padEnd(24), summary].join(" ").trimEnd());
        }
        return 0;
      case "who":
        return await who(command.node, place);
      case "break":
        return await act(command, place, {
          ask: "break",
          ...(command.name !== undefined && { name: command.name }),
        });
      case "sysrq":
        return await act(command, place, { ask: "sysrq", keys: command.keys });
      case "log":
        return await log(command, place);
      case "raw":
        return await raw(command, place);
    }
  } catch (error) {
    if (!(error instanceof AttachRefused)) throw error;
    place.complain(error.message);
    return 1;
  }
}

async function who(node: string, place: ExecPlace): Promise<number> {
  const viewer: Viewer = { bytes: () => true, onDrain: () => undefined, told: () => undefined };
  const { door, visitor } = place;
  const options = { mode: "spy", replay: "none" } as const;
  const attachment = await door.attach(node, visitor, options, viewer);
  try {
    const told = await attachment.ask({ ask: "who" });
    for (const one of told.sessions ?? []) {
      if (one.id !== attachment.session) place.say(sessionLine(one));
    }
    return answered(told, place);
  } finally {
    attachment.detach();
  }
}

/** As `outrider console break` does: whoever types does so again afterwards. */
async function act(
  { node, take }: Extract<ExecCommand, { verb: "break" | "sysrq" }>,
  place: ExecPlace,
  ask: ConsoleAsk,
): Promise<number> {
  const told = await place.door.act(node, place.visitor, ask, take);
  if (told.told !== "refused" && told.text !== undefined) place.say(told.text);
  return answered(told, place);
}

/** The same as the command line shows: cleaned text with times, gaps and marks. */
async function log(
  { node, wish }: Extract<ExecCommand, { verb: "log" }>,
  place: ExecPlace,
): Promise<number> {
  const { door, visitor, clock, gone } = place;
  const sentAway = new AbortController();
  let reason: string | undefined;
  const viewer: Viewer = {
    bytes: () => true,
    onDrain: () => undefined,
    told: ({ told, text }) => {
      if (told !== "bye") return;
      reason = text ?? "the console service ended this";
      sentAway.abort();
    },
  };
  const signal = AbortSignal.any([gone, sentAway.signal]);
  const attachment = await door.attach(node, visitor, { mode: "spy", replay: "none" }, viewer);
  try {
    for await (const chunk of attachment.readLog(logQuery(wish, clock), signal)) {
      if (!place.out(chunk)) await drained(place, signal);
      if (signal.aborted) break;
    }
  } catch (error) {
    if (error instanceof QueryError) {
      place.complain(error.message);
      return 2;
    }
    if (!isSystemError(error)) throw error;
    reason = "the log cannot be read";
  } finally {
    attachment.detach();
  }
  if (reason !== undefined) place.complain(reason);
  return reason === undefined && !gone.aborted ? 0 : 1;
}

function logQuery({ since, until: end, ...rest }: LogWords, clock: Clock): URLSearchParams {
  const nowMicros = clock.now().getTime() * 1000;
  const query = new URLSearchParams();
  const time = (name: string, text: string | undefined): void => {
    const micros = text === undefined ? undefined : sinceOf(text, nowMicros);
    if (micros !== undefined) query.set(name, timeOfMicros(micros));
  };
  time("from", since);
  time("until", end);
  for (const [name, value] of Object.entries(rest)) query.set(name, String(value));
  return query;
}

async function drained(place: ExecPlace, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  place.onDrain(resolve);
  signal.addEventListener("abort", () => resolve(), { once: true });
  if (!signal.aborted) await promise;
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && "code" in error && "syscall" in error;
}

async function raw(
  { node, mode }: Extract<ExecCommand, { verb: "raw" }>,
  place: ExecPlace,
): Promise<number> {
  const ended = Promise.withResolvers<number>();
  const attaching = place.door.attach(
    node,
    place.visitor,
    { mode, replay: "none", raw: true },
    {
      bytes: (chunk) => place.out(chunk),
      onDrain: (callback) => place.onDrain(callback),
      told: ({ told, text }) => {
        if (text !== undefined && told !== "attached") place.complain(text);
        if (told === "bye") ended.resolve(1);
      },
    },
  );
  const attachment = await attaching;
  const type = inOrder((bytes) => attachment.input(bytes));
  place.onInput(type, () => {
    void type(Buffer.alloc(0))
      .then(() => place.clock.sleep(LINGER, place.gone))
      .then(
        () => ended.resolve(0),
        () => ended.resolve(0),
      );
  });
  return until(ended.promise, attaching, place);
}

/** Waits for an end, or for the far end to go, and leaves the console. */
async function until(
  ended: Promise<number>,
  attaching: Promise<Attachment>,
  { gone }: ExecPlace,
): Promise<number> {
  const attachment = await attaching;
  const left = Promise.withResolvers<number>();
  const leave = (): void => left.resolve(1);
  gone.addEventListener("abort", leave, { once: true });
  if (gone.aborted) leave();
  try {
    return await Promise.race([ended, left.promise]);
  } finally {
    gone.removeEventListener("abort", leave);
    attachment.detach();
  }
}

function answered({ told, text }: ConsoleTold, place: ExecPlace): number {
  if (told !== "refused") return 0;
  place.complain(text ?? "it was refused");
  return 1;
}
