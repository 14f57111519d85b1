import { Integer, ListOf, MapOf, Nested, Optional } from "@outrider/contracts/decorators";
import { SecretReference } from "@outrider/contracts/secret";
import { defineDriver, type DriverContext } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";
import { seconds, type Duration } from "@outrider/ports/time";
import { CHILD_PATH, runChild, type ChildResult } from "@outrider/transports/child";
import { plugPower } from "../plug.js";

const ARGUMENT = /^[^\u0000]{1,1000}$/;

/**
 * What may be given: a name that is ours makes no loader, shell or interpreter run something else than the program,
 * as `LD_PRELOAD`, `PATH` or `PYTHONPATH` would.
 */
const VARIABLE = /^OUTRIDER_[A-Z0-9_]{1,60}$/;
const SECRET = "OUTRIDER_SECRET";

/**
 * Programs that the host's administrator has put into `/etc/outrider/commands`, or into `commands` of the agent's data.
 * Each is a list: the program's file name, and its arguments as they are. There is no shell.
 */
export class CommandOptions {
  /** Switches on. */
  @ListOf(ARGUMENT, 100) on!: string[];
  /** Switches off. */
  @ListOf(ARGUMENT, 100) off!: string[];
  /** Says by its exit code whether it is on: 0 on, 1 off; all else is an error. */
  @ListOf(ARGUMENT, 100) status!: string[];
  /** What a program is given in its environment, by names that begin with OUTRIDER_. Else it has PATH alone. */
  @Optional() @MapOf(VARIABLE, { text: 1000 }) environment?: Record<string, string>;
  /** A secret that a program is given in its environment, as OUTRIDER_SECRET. */
  @Optional() @Nested(() => SecretReference) secret?: SecretReference;
  /** How long a program may take, in seconds. Then it is killed. Default: 10. A command begins when `status` has ended, and is rejected if its own time to start (10 s unless more is asked for) is over by then. */
  @Optional() @Integer(1, 300) deadlineSeconds?: number;
}

const ON = 0;
const OFF = 1;

export const driver = defineDriver({
  port: "power",
  driver: "command",
  summary:
    "Whatever programs can switch that the administrator has put on the agent's host, and say what it is.",
  actions: ["On", "ForceOff", "PowerCycle"],
  options: CommandOptions,
  example: {
    options: {
      on: ["outlet", "4", "on"],
      off: ["outlet", "4", "off"],
      status: ["outlet", "4", "is-on"],
    },
  },
  open: async (options, context) => {
    // Said now, when somebody looks at what they have declared, and not when the node is to be switched.
    for (const [name = ""] of [options.on, options.off, options.status])
      await context.program(name);
    const secret = options.secret === undefined ? undefined : await context.secret(options.secret);
    const deadline = seconds(options.deadlineSeconds ?? 10);
    const run = runner(options, deadline, secret, context);
    return plugPower({
      what: whatOf(options.status[0]),
      answersWithin: { read: deadline, act: deadline },
      read: async (signal) => {
        const ran = await run(options.status, signal);
        if (ran.code === ON || ran.code === OFF) return { on: ran.code === ON };
        throw refusal(ran, secret);
      },
      set: async (on, signal) => {
        const ran = await run(on ? options.on : options.off, signal);
        if (ran.code !== 0) throw refusal(ran, secret);
      },
      [Symbol.asyncDispose]: async () => {},
    });
  },
});

interface Ran extends ChildResult {
  readonly what: string;
}

function runner(
  { environment = {} }: CommandOptions,
  deadline: Duration,
  secret: string | undefined,
  { clock, program }: DriverContext,
) {
  const given: Record<string, string> = secret === undefined ? {} : { [SECRET]: secret };
  const env = { PATH: CHILD_PATH, LC_ALL: "C", ...environment, ...given };
  return async ([name = "", ...args]: readonly string[], signal: AbortSignal): Promise<Ran> => {
    const command = await program(name);
    const what = whatOf(command);
    return { what, ...(await runChild({ command, args, env, what, deadline, clock }, signal)) };
  };
}

function whatOf(program = ""): string {
  return `The program ${program}`;
}

function refusal({ what, code, stderr }: Ran, secret: string | undefined): PortError {
  const said = secret === undefined ? stderr : stderr.replaceAll(secret, "…");
  const words = said.trim().slice(-300).replace(/\s+/g, " ");
  return new PortError(
    "refused",
    `${what} has failed (${code === undefined ? "killed" : `exit code ${code}`}): ${words === "" ? "it said nothing" : words}. Run it by hand.`,
  );
}
