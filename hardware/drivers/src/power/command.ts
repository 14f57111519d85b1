import { Integer, ListOf, MapOf, Nested, Optional } from "@outrider/contracts/decorators";
import { SecretReference } from "@outrider/contracts/secret";
import { defineDriver, type DriverContext } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";
import { seconds } from "@outrider/ports/time";
import { CHILD_PATH, runChild, type ChildResult } from "@outrider/transports/child";
import { plugPower } from "../plug.js";

const ARGUMENT = /^[^\u0000]{1,1000}$/;

/** Programs on the agent's host. Each is a list: the program, and its arguments as they are. There is no shell. */
export class CommandOptions {
  /** Switches on. */
  @ListOf(ARGUMENT, 100) on!: string[];
  /** Switches off. */
  @ListOf(ARGUMENT, 100) off!: string[];
  /** Says by its exit code whether it is on: 0 on, 1 off; all else is an error. */
  @ListOf(ARGUMENT, 100) status!: string[];
  /** What a program is given in its environment, which is empty but for PATH. */
  @Optional() @MapOf(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/, { text: 1000 }) environment?: Record<
    string,
    string
  >;
  /** A secret that a program is given in its environment, as OUTRIDER_SECRET. */
  @Optional() @Nested(() => SecretReference) secret?: SecretReference;
  /** How long a program may take, in seconds. Then it is killed. Default: 10. */
  @Optional() @Integer(1, 300) deadlineSeconds?: number;
}

const ON = 0;
const OFF = 1;

export const driver = defineDriver({
  port: "power",
  driver: "command",
  summary: "Whatever programs on the agent's host can switch, and say what it is.",
  actions: ["On", "ForceOff", "PowerCycle"],
  options: CommandOptions,
  example: {
    options: {
      on: ["/usr/local/bin/outlet", "4", "on"],
      off: ["/usr/local/bin/outlet", "4", "off"],
      status: ["/usr/local/bin/outlet", "4", "is-on"],
    },
  },
  open: async (options, context) => {
    for (const which of ["on", "off", "status"] as const) {
      if (options[which][0]?.startsWith("/") === true) continue;
      throw new PortError(
        "invalid-options",
        `The option ${which}: must begin with the absolute path of a program. Correct the endpoint.`,
      );
    }
    const secret = options.secret === undefined ? undefined : await context.secret(options.secret);
    const run = runner(options, secret, context);
    return plugPower(
      {
        what: whatOf(options.status),
        read: async (signal) => {
          const { code, stderr } = await run(options.status, signal);
          if (code === ON || code === OFF) return { on: code === ON };
          throw refusal(options.status, code, stderr, secret);
        },
        set: async (on, signal) => {
          const command = on ? options.on : options.off;
          const { code, stderr } = await run(command, signal);
          if (code !== 0) throw refusal(command, code, stderr, secret);
        },
        [Symbol.asyncDispose]: async () => {},
      },
      context.clock,
      seconds(5),
    );
  },
});

function runner(
  { environment = {}, deadlineSeconds = 10 }: CommandOptions,
  secret: string | undefined,
  { clock }: DriverContext,
) {
  const given: Record<string, string> = secret === undefined ? {} : { OUTRIDER_SECRET: secret };
  const env = { PATH: CHILD_PATH, LC_ALL: "C", ...environment, ...given };
  return ([command = "", ...args]: readonly string[], signal: AbortSignal): Promise<ChildResult> =>
    runChild(
      { command, args, env, what: whatOf([command]), deadline: seconds(deadlineSeconds), clock },
      signal,
    );
}

function whatOf([program = ""]: readonly string[]): string {
  return `The program ${program}`;
}

function refusal(
  command: readonly string[],
  code: number | undefined,
  stderr: string,
  secret: string | undefined,
): PortError {
  const said = secret === undefined ? stderr : stderr.replaceAll(secret, "…");
  const words = said.trim().slice(-300).replace(/\s+/g, " ");
  return new PortError(
    "refused",
    `${whatOf(command)} has failed (${code === undefined ? "killed" : `exit code ${code}`}): ${words === "" ? "it said nothing" : words}. Run it by hand.`,
  );
}
