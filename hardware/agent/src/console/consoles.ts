import type { Clock } from "@outrider/contracts/clock";
import type { EndpointId } from "@outrider/contracts/ids";
import type { AgentConfig } from "../config.js";
import type { EndpointParts } from "../endpoint.js";
import type { AgentLog } from "../log.js";
import type { StartGate } from "../start-gate.js";
import { ConsoleEndpoint } from "./console-endpoint.js";
import type { ConsoleLink, ConsoleSpools } from "./console-line.js";
import type { ConsoleCounts } from "./console-recorder.js";
import { consoleLink } from "./link.js";
import { Spools } from "./spools.js";

export interface ConsoleStats extends Readonly<ConsoleCounts> {
  /** Whether the link to the console service stands, and why not. */
  readonly link: ConsoleLink["state"];
}

/** What the consoles of an agent share: where they are spooled, and the link by which their service hears them. */
export class Consoles {
  readonly #counts: ConsoleCounts = { bytes: 0, lostBytes: 0 };
  #wanted = false;
  #started = false;
  #dialled = false;

  private constructor(
    private readonly config: AgentConfig,
    private readonly spools: ConsoleSpools,
    private readonly link: ConsoleLink,
  ) {}

  static async open(config: AgentConfig, clock: Clock, log: AgentLog): Promise<Consoles> {
    const { id, dataDirectory, password } = config;
    const { target, problem, spoolBytes } = config.consoleLink;
    const spools = await Spools.open({ dataDirectory, limitBytes: spoolBytes, clock, log });
    const nowMicros = (): number => spools.nowMicros();
    const link = consoleLink({
      agent: id,
      target,
      problem,
      secret: password,
      clock,
      log,
      nowMicros,
    });
    return new Consoles(config, spools, link);
  }

  endpoint(parts: EndpointParts, gate: StartGate): ConsoleEndpoint {
    const { link, spools } = this;
    this.#wanted = true;
    this.#dial();
    return new ConsoleEndpoint(parts, {
      agent: this.config.id,
      linkProblem: this.config.consoleLink.problem,
      link,
      spools,
      gate,
      counts: this.#counts,
    });
  }

  /** The configuration is applied: these are all endpoints that this agent is to have. */
  keepOnly(endpoints: Iterable<EndpointId>): Promise<void> {
    return this.spools.keepOnly(endpoints);
  }

  stats(): ConsoleStats {
    return { ...this.#counts, link: this.link.state };
  }

  /** From now on the console service is dialled, once there is a console. What consoles say before is spooled. */
  start(): void {
    this.#started = true;
    this.#dial();
  }

  /** Ends the link. Consoles may still be read. */
  async stop(): Promise<void> {
    this.#started = false;
    await this.link.stop();
  }

  /** Every endpoint is closed by now. */
  async close(): Promise<void> {
    await this.spools[Symbol.asyncDispose]();
  }

  #dial(): void {
    if (!this.#wanted || !this.#started || this.#dialled) return;
    this.#dialled = true;
    this.link.start();
  }
}
