import type { EndpointAction } from "@outrider/contracts/agent";
import { check } from "@outrider/contracts/codec";
import type { ConsolePort } from "./console-port.js";
import { PortError } from "./port-error.js";
import type { PowerPort } from "./power-port.js";
import type { Clock } from "./time.js";

/** The ports that drivers can be written for, by interface kind. */
export interface Ports {
  readonly power: PowerPort;
  readonly console: ConsolePort;
}
export const PORT_KINDS = ["power", "console"] as const satisfies readonly (keyof Ports)[];
export type PortKind = (typeof PORT_KINDS)[number];

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
}

/** An adapter of one port over one mechanism. Declaring it opens nothing. */
export interface Driver<P extends PortKind, O extends object = object> {
  readonly port: P;
  /** The mechanism; also the name of its file. */
  readonly driver: string;
  /** One sentence for the person who chooses a driver. */
  readonly summary: string;
  /** What its endpoints can be told: natively, or composed by the agent from the supply. */
  readonly actions: readonly EndpointAction[];
  /** Declared with the decorators of the contracts; its JSON Schema is published in the agent's catalogue. */
  readonly options: new () => O;
  /**
   * Opens an endpoint on options that fit the class. Use {@link openDriver}, which sees to that.
   * @throws PortError `invalid-options` for what a schema cannot say
   */
  open(options: O, context: DriverContext): Promise<Ports[P]>;
}

/** Declares a driver, its types inferred. */
export function defineDriver<P extends PortKind, O extends object>(
  driver: Driver<P, O>,
): Driver<P, O> {
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
  return driver.open(checked.value, context);
}
