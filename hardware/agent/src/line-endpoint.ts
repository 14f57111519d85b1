import type { EndpointAction } from "@outrider/contracts/agent";
import type { Tested } from "@outrider/contracts/agent-request";
import { seconds } from "@outrider/contracts/clock";
import { endpointId } from "@outrider/contracts/ids";
import type { ButtonPort } from "@outrider/ports/button-port";
import type { Driver } from "@outrider/ports/driver";
import type { ResetPort } from "@outrider/ports/reset-port";
import { actOnce } from "./act-once.js";
import type { Endpoint, EndpointParts } from "./endpoint.js";
import type { Execution, Outcome } from "./outcome.js";
import { PortEndpoint } from "./port-endpoint.js";
import type { StartGate } from "./start-gate.js";
import { saw, tested } from "./tested.js";

const ACT_WITHIN = seconds(12);

export interface LineParts {
  /** Is told that the node's draw may soon be needed again. */
  readonly gate: Pick<StartGate, "commanded">;
  /** Is told before something is done to the node: what runs on its other endpoints may make no sense after it. */
  readonly overtakes: (endpoint: Endpoint, action: EndpointAction) => void;
}

/** Something that is done to a host over a line of its own and that nothing reads back. */
abstract class LineEndpoint<P extends "reset" | "button"> extends PortEndpoint<P> {
  constructor(
    parts: EndpointParts,
    private readonly line: LineParts,
  ) {
    super(parts);
  }

  /** What the port does for each action that it can do. */
  protected abstract acts(): Partial<
    Record<EndpointAction, (signal: AbortSignal) => Promise<void>>
  >;

  protected override opened(_port: unknown, driver: Driver<P>): void {
    const acts = this.acts();
    this.actions = driver.actions.filter((action) => acts[action] !== undefined);
  }

  override accepted(action: EndpointAction): void {
    this.line.gate.commanded(endpointId(this.desired.node, "power"), action);
    this.line.overtakes(this, action);
  }

  override async execute({ command: { action }, activity }: Execution): Promise<Outcome> {
    const act = this.acts()[action];
    if (!act) throw new TypeError(`${this.id} cannot ${action}; the gate lets nothing through`);
    const { signal } = activity.controller;
    return actOnce(
      action,
      (asked) => this.ask(ACT_WITHIN, asked, (_port, within) => act(within)),
      signal,
    );
  }

  override async test(): Promise<Tested> {
    const list = this.actions.length > 0 ? this.actions.join(", ") : "nothing";
    return tested(
      saw(
        `It is open, and could be told ${list}. Nothing was done, for that would act on the machine; nothing of it can be read.`,
      ),
    );
  }
}

/** The reset line of a node. */
export class ResetEndpoint extends LineEndpoint<"reset"> {
  protected readonly kind = "reset";

  protected acts(): ReturnType<LineEndpoint<"reset">["acts"]> {
    const port: ResetPort | undefined = this.port;
    return port ? { ForceRestart: (signal) => port.reset(signal) } : {};
  }
}

/** What asks the host to go down in order, or to start. */
export class ButtonEndpoint extends LineEndpoint<"button"> {
  protected readonly kind = "button";

  protected acts(): ReturnType<LineEndpoint<"button">["acts"]> {
    const port: ButtonPort | undefined = this.port;
    const press = port?.press?.bind(port);
    const shutDown = port?.shutDown?.bind(port);
    const wake = port?.wake?.bind(port);
    return {
      ...(press ? { PushPowerButton: press } : {}),
      ...(shutDown ? { GracefulShutdown: shutDown } : {}),
      ...(wake ? { Wake: wake } : {}),
    };
  }
}
