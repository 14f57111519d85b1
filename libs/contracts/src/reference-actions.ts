import {
  planLadder,
  reviveStep,
  supportedActions,
  type Capabilities,
  type Step,
} from "./ladder.js";
import { table } from "./markdown.js";
import { WAKES, type Wake } from "./node.js";
import { ACTIONS, SUPPLY_VALUES, type Action, type Host, type Supply } from "./power.js";

/** The table action × interfaces → steps, worked out from the code that decides, as a Markdown page. */
export function actionTable(): string {
  return `# Actions and their steps

What a node is told to do becomes a ladder of steps over its control interfaces. \`interface.Action\` is one command to one
endpoint; *await halt* waits for the host, at most for the node's graceful limit, or for the part of it that stands
there; *revive* is owed once the host has halted, also after a crash. \`power.GracefulShutdown\` is the device's own way to
ask (ACPI, a BMC), \`button.GracefulShutdown\` a program on the host, \`console.GracefulShutdown\` Magic SysRq by break: sync,
remount read-only, power off; \`button.Wake\` is a magic packet. A rung after a wait is for a host that did not obey the one before, or whose rung
failed; the first that is obeyed is the last. Several endpoints are never acted on at once, and every step is safe to stop after.

## What an action needs

One line is one way to wire it. Where several are there, the first is used.

${table(
  [
    "Action",
    "Wired",
    "Steps on a running node",
    "Instead, with `escalate`, when the host does not obey",
  ],
  ACTIONS.flatMap((action) => ways(action)),
)}

## What becomes of it

On a node with all of the above, by what was last measured. A supply or host that is not known is never taken for off or
halted.

${table(
  ["Action", ...SITUATIONS.map(({ words }) => words)],
  ACTIONS.map((action) => [action, ...SITUATIONS.map((situation) => outcome(action, situation))]),
)}

## What revives a host that was told to restart

${table(
  [
    "Supply, once the host has halted",
    "`wake: button`",
    "`wake: wol`",
    "any other `wake`, or none",
  ],
  SUPPLY_VALUES.map((supply) => [
    supply,
    ...(["button", "wol", undefined] as const).map((wake) => revival(supply, wake)),
  ]),
)}`;
}

const ALL: Capabilities = {
  power: ["On", "ForceOff", "PowerCycle", "Nmi", "GracefulShutdown"],
  reset: ["ForceRestart"],
  button: ["PushPowerButton", "GracefulShutdown", "Wake"],
  console: ["GracefulShutdown"],
};

/** What can be wired, preferred first where several would do. */
const WIRES = [
  ["button", "PushPowerButton"],
  ["power", "PushPowerButton"],
  ["reset", "ForceRestart"],
  ["power", "ForceRestart"],
  ["power", "On"],
  ["power", "ForceOff"],
  ["power", "PowerCycle"],
  ["power", "Nmi"],
  ["power", "GracefulShutdown"],
  ["button", "GracefulShutdown"],
  ["console", "GracefulShutdown"],
] as const;

const SITUATIONS: readonly {
  readonly words: string;
  readonly supply: Supply;
  readonly host: Host;
  readonly wake?: Wake;
}[] = [
  { words: "Supply off", supply: "Off", host: "Unknown" },
  { words: "Running", supply: "On", host: "Running" },
  { words: "Halted on a live supply", supply: "On", host: "Halted" },
  ...WAKES.map((wake) => ({
    words: `Halted, \`wake: ${wake}\``,
    supply: "On" as const,
    host: "Halted" as const,
    wake,
  })),
  { words: "Not known", supply: "Unknown", host: "Unknown" },
];

/** The smallest wirings that support an action: no wire of one can be left out. */
function ways(action: Action): string[][] {
  const minimal: number[] = [];
  const sizes = Array.from({ length: 2 ** WIRES.length }, (_, bits) => bits).toSorted(
    (one, other) => wiresIn(one).length - wiresIn(other).length || one - other,
  );
  for (const bits of sizes) {
    if (minimal.some((fewer) => (fewer & bits) === fewer)) continue;
    if (supportedActions(wired(bits)).includes(action)) minimal.push(bits);
  }
  return minimal.map((bits) => {
    // ForceOff beside what is needed shows what an escalation would do with it.
    const more = wired(bits | (1 << WIRES.findIndex(([, one]) => one === "ForceOff")));
    const running = { action, capabilities: more, supply: "On", host: "Running" } as const;
    const ladder = planLadder({ ...running, escalate: true });
    if (ladder.outcome !== "steps") throw new TypeError(`${action} is supported and has no steps`);
    const wires = wiresIn(bits).map(([kind, one]) => `\`${kind}.${one}\``);
    return [action, wires.join(", "), spelled(ladder.steps), spelled(ladder.escalation)];
  });
}

function wiresIn(bits: number): (typeof WIRES)[number][] {
  return WIRES.filter((_, at) => bits & (1 << at));
}

function wired(bits: number): Capabilities {
  const capabilities: { [kind in (typeof WIRES)[number][0]]?: (typeof WIRES)[number][1][] } = {};
  for (const [kind, action] of wiresIn(bits)) (capabilities[kind] ??= []).push(action);
  return capabilities;
}

function outcome(action: Action, { supply, host, wake }: (typeof SITUATIONS)[number]): string {
  const ladder = planLadder({ action, capabilities: ALL, supply, host, wake, escalate: false });
  switch (ladder.outcome) {
    case "steps":
      return spelled(ladder.steps);
    case "unchanged":
      return "nothing to do, succeeds";
    case "rejected":
      return `rejected: \`${ladder.reasonCode}\``;
    default:
      return ladder satisfies never;
  }
}

function revival(supply: Supply, wake: Wake | undefined): string {
  return spelled([reviveStep(ALL, { supply, wake })]);
}

function spelled(steps: readonly Step[]): string {
  return steps
    .map((step) => {
      switch (step.kind) {
        case "act":
          return `\`${step.interface}.${step.action}\``;
        case "await-halt":
          return step.part === undefined ? "*await halt*" : `*await halt* (${step.part * 100} %)`;
        case "revive":
          return "*revive*";
        default:
          return step satisfies never;
      }
    })
    .join(", ");
}
