import { TOPIC_ROOT, topicOf } from "@outrider/contracts/contract";
import type { NodeId } from "@outrider/contracts/ids";
import { powerSet, type PowerResult } from "@outrider/contracts/power";
import { mintCommandId } from "@outrider/messaging/mint-id";
import type { Deployment } from "../deployment.js";
import { hostMs } from "./machine.js";
import { MqttPeer } from "./mqtt-peer.js";

/** How long a command took from its PUBLISH, in milliseconds. */
export interface CommandTimes {
  /** Until the supply of the machine switched, by the machine's own log. */
  readonly edgeMs: number;
  /** Until the terminal result was heard, which says that the supply was read back. */
  readonly resultMs: number;
}

/** A person who asks for power actions with the bare client library and counts on nothing but what is heard. */
export class PowerCommands implements AsyncDisposable {
  readonly #waiting = new Map<string, (result: PowerResult, heardMs: number) => void>();
  readonly #on = new Set<NodeId>();

  private constructor(
    private readonly lab: Deployment,
    private readonly peer: MqttPeer,
  ) {}

  static async start(lab: Deployment): Promise<PowerCommands> {
    const peer = await MqttPeer.open(
      lab.port,
      await lab.identities.secret("person", "operator"),
      "bench-operator",
    );
    const commands = new PowerCommands(lab, peer);
    await peer.subscribe(`${TOPIC_ROOT}node/+/power/result`, (_, payload) => {
      const heardMs = hostMs();
      const result = JSON.parse(payload.toString()) as PowerResult;
      if (!result.terminal) return;
      commands.#waiting.get(result.id)?.(result, heardMs);
      commands.#waiting.delete(result.id);
    });
    return commands;
  }

  /**
   * Switches the first nodes at once, each the other way than the last time; the first time on.
   * @throws Error when one does not end as it should, or a supply was not switched exactly once
   */
  async burst(atOnce: number): Promise<CommandTimes[]> {
    const { rack, nodes } = this.lab;
    const since = (await rack.client.edges()).at(-1)?.seq ?? 0;
    const asked = nodes.slice(0, atOnce).map(({ id, slot }) => this.#ask(id, slot));
    const times = await Promise.all(asked);
    const edges = await rack.client.edges({ since });
    return times.map(({ slot, startMs, endMs }) => {
      const own = edges.filter((edge) => edge.slot === slot);
      const [edge] = own;
      if (!edge || own.length > 1) throw new Error(`slot ${slot} was switched ${own.length} times`);
      return { edgeMs: edge.monotonicMs - startMs, resultMs: endMs - startMs };
    });
  }

  /** Asks the machines themselves how they are, as many at once. Resolves with how long each took, in milliseconds. */
  askMachines(atOnce: number): Promise<number[]> {
    const { rack, nodes } = this.lab;
    return Promise.all(
      nodes.slice(0, atOnce).map(async ({ slot }) => {
        const startMs = hostMs();
        await rack.client.get(slot);
        return hostMs() - startMs;
      }),
    );
  }

  async #ask(
    node: NodeId,
    slot: number,
  ): Promise<{ readonly slot: number; readonly startMs: number; readonly endMs: number }> {
    const id = mintCommandId();
    const action = this.#on.has(node) ? "ForceOff" : "On";
    if (!this.#on.delete(node)) this.#on.add(node);
    const startMs = hostMs();
    const heard = new Promise<number>((resolve, reject) => {
      this.#waiting.set(id, (result, heardMs) => {
        if (result.status === "Succeeded") resolve(heardMs);
        else reject(new Error(`${action} of ${node}: ${JSON.stringify(result)}`));
      });
    });
    this.peer.send(topicOf(powerSet, { node }), JSON.stringify({ action, id }));
    return { slot, startMs, endMs: await heard };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.peer[Symbol.asyncDispose]();
  }
}
