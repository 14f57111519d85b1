import type { SiteInterfaceKind } from "@outrider/contracts/site-file";
import type { Simulator } from "@outrider/simulators/spawn";
import type { Machines } from "./machines.js";

/** A driver as a site file names it. */
export interface DeclaredInterface {
  readonly driver: string;
  readonly options: object;
  readonly needs?: Readonly<Record<string, { readonly driver: string; readonly options: object }>>;
}

/** A node of the deployment: the slot it is in, and what its site file says. */
export interface NodeSpec {
  /** The slot of the simulated rack. Without this and `chassis` the node has no interface. */
  readonly rack?: number;
  /** The slot of the chassis of virtual machines. */
  readonly chassis?: number;
  /** Interfaces by devices that the deployment did not start, and the machine that they act on. */
  readonly wired?: {
    readonly machine: Simulator;
    readonly slot: number;
    readonly interfaces: Readonly<Partial<Record<SiteInterfaceKind, DeclaredInterface>>>;
  };
  /** The serial port of its console. It is managed by nothing else. */
  readonly serial?: string;
  /** Default: the first agent. */
  readonly agent?: string;
  readonly wake?: "button" | "supply-cycle";
  readonly restore?: "None" | "AlwaysOn" | "AlwaysOff" | "Restore";
  /** Durations as in the site file. Defaults: 1s, 500ms, 20s. */
  readonly dwell?: string;
  readonly sampling?: string;
  readonly gracefulLimit?: string;
  /** Whether it has a sensor `supply` and a heartbeat `slot`. */
  readonly sensors?: true;
  /** Whether its machine's serial console is declared, and how it is kept and reached. */
  readonly console?: true | Readonly<Record<string, unknown>>;
}

/** The site file of a deployment. JSON is YAML. */
export function siteText(
  agents: readonly string[],
  nodes: Readonly<Record<string, NodeSpec>>,
  machines: Machines,
  more: Readonly<Record<string, unknown>> = {},
): string {
  const site = {
    ...more,
    site: "lab",
    agents: Object.fromEntries(agents.map((agent) => [agent, {}])),
    nodes: Object.fromEntries(
      Object.entries(nodes).map(([node, spec]) => [
        node,
        {
          dwell: spec.dwell ?? "1s",
          sampling: spec.sampling ?? "500ms",
          gracefulLimit: spec.gracefulLimit ?? "20s",
          ...(spec.wake && { wake: spec.wake }),
          ...(spec.restore && { restore: spec.restore }),
          ...interfacesOf(spec, agents[0]),
          ...(inMachine(spec)
            ? { power: { agent: spec.agent ?? agents[0], ...wire(node, spec, machines) } }
            : {}),
          ...(spec.sensors
            ? {
                sensor: {
                  supply: { agent: spec.agent ?? agents[0], ...wire(node, spec, machines) },
                },
                heartbeat: {
                  slot: { agent: spec.agent ?? agents[0], ...wire(node, spec, machines) },
                },
              }
            : {}),
          ...(spec.console !== undefined
            ? { console: { agent: spec.agent ?? agents[0], ...wire(node, spec, machines) } }
            : {}),
          ...(typeof spec.console === "object" ? { terminal: spec.console } : {}),
        },
      ]),
    ),
  };
  return `${JSON.stringify(site, undefined, 2)}\n`;
}

export function isWired(spec: NodeSpec): boolean {
  return inMachine(spec) || spec.wired !== undefined;
}

function inMachine(spec: NodeSpec): boolean {
  return spec.rack !== undefined || spec.chassis !== undefined;
}

function interfacesOf({ wired, agent }: NodeSpec, first: string | undefined): object {
  const declared = Object.entries(wired?.interfaces ?? {});
  return Object.fromEntries(
    declared.map(([port, one]) => [port, { agent: agent ?? first, ...one }]),
  );
}

function wire(node: string, spec: NodeSpec, { rack, chassis }: Machines): object {
  if (spec.rack !== undefined && rack) {
    return { driver: "simulated", options: { socket: rack.listen, slot: spec.rack } };
  }
  if (spec.serial !== undefined) return { driver: "serial", options: { path: spec.serial } };
  if (spec.chassis !== undefined && chassis) {
    const directory = chassis.listen.slice(0, chassis.listen.lastIndexOf("/"));
    return { driver: "qemu", options: { directory, slot: spec.chassis } };
  }
  throw new Error(`${node} is in no rack and no chassis of this deployment`);
}
