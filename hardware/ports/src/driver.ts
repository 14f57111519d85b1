import type { EndpointAction } from "@outrider/contracts/agent";
import { check } from "@outrider/contracts/codec";
import { PORT_KINDS, type PortKind } from "@outrider/contracts/ids";
import type { SecretReference } from "@outrider/contracts/secret";
import type { BootPort } from "./boot-port.js";
import type { ButtonPort } from "./button-port.js";
import type { ConsolePort } from "./console-port.js";
import type { DigitalInputPort } from "./digital-input-port.js";
import type { DigitalOutputPort } from "./digital-output-port.js";
import type { HeartbeatPort } from "./heartbeat-port.js";
import type { IdentifyPort } from "./identify-port.js";
import { PortError } from "./port-error.js";
import type { PowerPort } from "./power-port.js";
import type { ResetPort } from "./reset-port.js";
import type { SensorPort } from "./sensor-port.js";
import type { Clock } from "./time.js";

/** The ports that drivers can be written for. */
export interface Ports {
  readonly power: PowerPort;
  readonly reset: ResetPort;
  readonly button: ButtonPort;
  readonly boot: BootPort;
  readonly console: ConsolePort;
  readonly sensor: SensorPort;
  readonly heartbeat: HeartbeatPort;
  readonly identify: IdentifyPort;
  readonly "digital-output": DigitalOutputPort;
  readonly "digital-input": DigitalInputPort;
}
export { PORT_KINDS, type PortKind } from "@outrider/contracts/ids";

export function isPortKind(text: string): text is PortKind {
  return (PORT_KINDS as readonly string[]).includes(text);
}

/** Where a driver logs. The agent adds node, agent, driver and command. No secrets, no console bytes. */
export interface DriverLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What a driver is handed when it is opened. */
export interface DriverContext {
  readonly clock: Clock;
  readonly log: DriverLog;
  /** Gives up opening. An open port lives until it is disposed. */
  readonly signal: AbortSignal;
  /**
   * The secret that an option refers to, as it is now on this host. It is in no log, no error and no message.
   * @throws PortError `invalid-options` that names the reference and says what to do
   */
  secret(reference: SecretReference): Promise<string>;
  /**
   * The absolute path of a program that whoever administers this host has put in place for options to name. Asked
   * anew before each run, so that one which has become unsafe is not run.
   * @param name its file name
   * @throws PortError `invalid-options` that names the program and says what to do
   */
  program(name: string): Promise<string>;
}

/** Another port that a driver is made of. It is declared with the endpoint, opened before and closed after it. */
export interface Need {
  readonly port: PortKind;
  /** Left out by who does not have it. */
  readonly optional?: true;
  /**
   * Opening it must leave it as it is, since an agent opens its endpoints at each start and after each change of their
   * options: a part with the option `initial` is refused.
   */
  readonly untouched?: true;
  /** What it does here: "pulls the reset line". */
  readonly summary: string;
}
export type Needs = Readonly<Record<string, Need>>;

/** The ports that a driver is handed for what it needs. */
export type Given<N extends Needs> = {
  readonly [K in keyof N]: N[K] extends { readonly optional: true }
    ? Ports[N[K]["port"]] | undefined
    : Ports[N[K]["port"]];
};

/** How an endpoint is written in a site file, ready to be changed. */
export interface DriverExample<O extends object> {
  readonly options: O;
  readonly needs?: Readonly<Record<string, { readonly driver: string; readonly options: object }>>;
}

/** A thing that several drivers know a way to, by the options that together name it. */
export interface Resource<O extends string = string> {
  readonly kind: "serial" | "i2c" | "tcp";
  readonly options: readonly O[];
  /** What those of `options` are that may be left out. */
  readonly defaults?: { readonly [K in O]?: string | number };
}

/** An adapter of one port over one mechanism. Declaring it opens nothing. */
export interface Driver<P extends PortKind, O extends object = object, N extends Needs = Needs> {
  readonly port: P;
  /** The mechanism; also the name of its file. */
  readonly driver: string;
  /** One sentence for the person who chooses a driver. */
  readonly summary: string;
  /** What its endpoints can be told: natively, or composed by the agent from the supply. */
  readonly actions: readonly EndpointAction[];
  /** Declared with the decorators of the contracts; its JSON Schema is published in the agent's catalogue. */
  readonly options: new () => O;
  readonly needs?: N;
  /** One that is likely to be copied. A test checks that it fits. */
  readonly example: DriverExample<O>;
  /**
   * The options that together name the one thing which the driver takes for itself: a line, an outlet, a port. No two
   * endpoints of an agent may have the same by one mechanism; a line is one thing, whether it is an output or an input.
   */
  readonly exclusive?: readonly string[];
  /** What those of `exclusive` are that may be left out, so that left out and written is one thing. */
  readonly exclusiveDefaults?: Readonly<Record<string, string | number>>;
  /**
   * What endpoints of this driver are at and those of no other can be, although another knows a way to it: a serial
   * port, a chip. Two of this driver may share it, as far as `exclusive` lets them. `kind` is the same word by all
   * drivers that could have it, and `options` together name it, in the same order.
   */
  readonly resource?: Resource;
  /**
   * The option with the address (host or URL) by which the driver reaches a device over a network, so that any agent
   * could. Where it is given and is not the agent's own host, no endpoint of any agent may have the same `exclusive`.
   */
  readonly network?: string;
  /**
   * What it was tried against that nobody of the project wrote: programs with their versions, or recorded traffic.
   * Missing: `unproven`, which people are told.
   */
  readonly proof?: string;
  /**
   * Opens an endpoint on options that fit the class. Use {@link openDriver}, which sees to that.
   * @param given what it needs; closed by whoever has opened it, after the port
   * @throws PortError `invalid-options` for what a schema cannot say
   */
  open(options: O, context: DriverContext, given: Given<N>): Promise<Ports[P]>;
}

/** Declares a driver, its types inferred. */
export function defineDriver<
  P extends PortKind,
  O extends object,
  const N extends Needs = Record<string, never>,
>(
  driver: Driver<P, O, N> & {
    readonly exclusive?: readonly (keyof O & string)[];
    readonly exclusiveDefaults?: { readonly [K in keyof O & string]?: string | number };
    readonly resource?: Resource<keyof O & string>;
    readonly network?: keyof O & string;
  },
): Driver<P, O, N> {
  return driver;
}

/**
 * Checks the options against the driver's class, closed, and opens it.
 * @throws PortError `invalid-options` that names the option and never repeats its value; what `open` throws
 */
export async function openDriver<P extends PortKind>(
  driver: Driver<P>,
  options: unknown,
  context: DriverContext,
  given: Given<Needs> = {},
): Promise<Ports[P]> {
  const checked = check(driver.options, options, true);
  if (!checked.ok) {
    const { field, message } = checked.refusal;
    const subject = field === "" ? "The options" : `The option ${field}`;
    throw new PortError(
      "invalid-options",
      `${subject} of the driver ${driver.port}/${driver.driver}: ${message}. Correct the endpoint in the site file.`,
    );
  }
  return driver.open(checked.value, context, given);
}
