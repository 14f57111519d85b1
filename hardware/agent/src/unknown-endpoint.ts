import type { Tested } from "@outrider/contracts/agent-request";
import { PORT_KINDS } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";
import { Endpoint } from "./endpoint.js";
import type { Outcome } from "./outcome.js";
import { failed, tested } from "./tested.js";

/** An interface that this agent is too old to open. It is shown as failed, and nothing else. */
export class UnknownEndpoint extends Endpoint {
  async open(): Promise<void> {
    throw this.#unsupported();
  }

  async close(): Promise<void> {}

  async look(): Promise<PortError> {
    return this.#unsupported();
  }

  async execute(): Promise<Outcome> {
    throw new TypeError(`${this.id} is not open; the gate lets no command through`);
  }

  async recover(
    _record: unknown,
    _activity: unknown,
    conclude: (outcome: Outcome) => Promise<void>,
  ): Promise<void> {
    await conclude({
      status: "Unknown",
      reasonCode: "interrupted",
      detail: this.#unsupported().message,
      patch: {},
    });
  }

  async test(): Promise<Tested> {
    return tested(failed(this.#unsupported()));
  }

  #unsupported(): PortError {
    return new PortError(
      "unsupported",
      `This agent has no port ${this.desired.port}; it has ${PORT_KINDS.join(", ")}. Update the agent, or take the endpoint out of the site file.`,
    );
  }
}
