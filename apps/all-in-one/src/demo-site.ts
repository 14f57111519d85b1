import type { SimulatedFlavour } from "@outrider/simulators/simulated-slot";

/** The agent that is wired to the demonstration's machines. */
export const DEMO_AGENT = "demo";

interface DemoNode {
  readonly id: string;
  readonly name: string;
  readonly flavour: SimulatedFlavour;
  /** Whether its supply is on when the rack is new. */
  readonly on: boolean;
}

/** One of each behaviour. The first is in slot 1 of the rack. */
export const DEMO_NODES: readonly DemoNode[] = [
  { id: "n1", name: "Obeys", flavour: "normal", on: true },
  { id: "n2", name: "Obeys, and is off at first", flavour: "normal", on: false },
  { id: "n3", name: "Ignores its power button", flavour: "ignores-button", on: true },
  { id: "n4", name: "Halts itself after a while", flavour: "halts-itself", on: true },
];

export const DEMO_VIRTUAL_MACHINE = "vm1";

export interface DemoWires {
  /** Path of the rack's socket, or `127.0.0.1:<port>`. */
  readonly rack: string;
  /** Directory of the chassis, where there is one. */
  readonly chassis?: string | undefined;
}

/** The site file of the demonstration. */
export function demoSite({ rack, chassis }: DemoWires): string {
  const where = rack.startsWith("/") ? { socket: rack } : { url: `http://${rack}` };
  const nodes = DEMO_NODES.map(({ id, name }, index) => {
    const options = { ...where, slot: index + 1 };
    return [node(id, name, "simulated", options), ...moreOf(options)].join("\n");
  });
  if (chassis !== undefined) {
    const options = { directory: chassis, slot: 1 };
    nodes.push(node(DEMO_VIRTUAL_MACHINE, "A QEMU virtual machine", "qemu", options));
  }
  return [
    "# The demonstration's site file, written anew at every start. To make one of your own, copy it, change it,",
    "# and start with OUTRIDER_SITE=<copy> OUTRIDER_AGENTS=demo npm start. Its machines are started for the copy, too.",
    "site: demo",
    "agents:",
    `  ${DEMO_AGENT}: { name: This machine }`,
    "nodes:",
    ...nodes,
    "",
  ].join("\n");
}

/** What a slot of the rack has beside supply and console, which a chassis does not. */
function moreOf(options: object): string[] {
  const wire = `{ agent: ${DEMO_AGENT}, driver: simulated, options: ${JSON.stringify(options)} }`;
  return [
    `    reset: ${wire}`,
    `    button: ${wire}`,
    `    identify: ${wire}`,
    `    sensor: { board: ${wire} }`,
    `    heartbeat: { host: ${wire} }`,
  ];
}

function node(id: string, name: string, driver: string, options: object): string {
  // JSON is YAML, so that a path needs no quoting of its own.
  return [
    `  ${id}:`,
    `    name: ${JSON.stringify(name)}`,
    "    wake: button",
    "    dwell: 1s",
    "    sampling: 1s",
    "    gracefulLimit: 10s",
    `    power: { agent: ${DEMO_AGENT}, driver: ${driver}, options: ${JSON.stringify(options)} }`,
    // The slot that switches the machine's supply has its console, too.
    `    console: { agent: ${DEMO_AGENT}, driver: ${driver}, options: ${JSON.stringify(options)} }`,
  ].join("\n");
}
