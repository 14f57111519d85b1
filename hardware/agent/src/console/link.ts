import { LinkClient } from "@outrider/console-link/link-client";
import { microClock } from "@outrider/console-link/micro-clock";
import type { ConsoleLine, ConsoleLink, ConsoleLinkOptions } from "./console-line.js";

/** This agent's link to the console service. Without a secret or a target nothing is dialled, and spools fill. */
export function consoleLink(
  options: ConsoleLinkOptions & { readonly nowMicros?: () => number },
): ConsoleLink {
  const { agent, target, problem, secret, clock, log, nowMicros = microClock(clock) } = options;
  if (!target) return noLink(problem ?? "no console service is named", log);
  return new AgentLink(
    new LinkClient({ ...target, agent, secret: secret ?? "", clock, nowMicros, log }),
  );
}

class AgentLink implements ConsoleLink {
  readonly #client: LinkClient;
  #started = false;

  constructor(client: LinkClient) {
    this.#client = client;
  }

  get state(): ConsoleLink["state"] {
    return this.#client.state;
  }

  add(line: ConsoleLine): Disposable {
    return this.#client.add(line);
  }

  start(): void {
    this.#started = true;
    this.#client.start();
  }

  async stop(): Promise<void> {
    if (this.#started) await this.#client.stop();
  }
}

function noLink(detail: string, log: ConsoleLinkOptions["log"]): ConsoleLink {
  return {
    add: () => ({ [Symbol.dispose]: () => undefined }),
    start: () =>
      log.error(
        { reason: detail },
        "consoles have no way to their service, so that what they say is spooled only; power goes on",
      ),
    stop: () => Promise.resolve(),
    state: { up: false, detail },
  };
}
