import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ENDPOINT_ACTIONS, type EndpointAction } from "./agent.js";
import {
  planLadder,
  reviveStep,
  supportedActions,
  type ActStep,
  type Capabilities,
  type Ladder,
  type LadderInput,
  type Step,
} from "./ladder.js";
import { WAKES, type Wake } from "./node.js";
import {
  ACTIONS,
  HOST_VALUES,
  SUPPLY_VALUES,
  type Action,
  type Host,
  type Supply,
} from "./power.js";

/** Every way to wire power, reset, button and console with actions that an endpoint of the kind can have. */
const WIRINGS: readonly Capabilities[] = (() => {
  const power: (EndpointAction[] | undefined)[] = [undefined];
  // No supply sends magic packets.
  const native = ENDPOINT_ACTIONS.filter((action) => action !== "Wake");
  for (let bits = 0; bits < 2 ** native.length; bits++) {
    power.push(native.filter((_, at) => bits & (1 << at)));
  }
  const reset = [undefined, ["ForceRestart"]] as const;
  const button = [
    undefined,
    ["PushPowerButton"],
    ["GracefulShutdown"],
    ["PushPowerButton", "GracefulShutdown"],
    ["Wake"],
    ["PushPowerButton", "Wake"],
    ["GracefulShutdown", "Wake"],
    ["PushPowerButton", "GracefulShutdown", "Wake"],
  ] as const;
  const console = [undefined, ["GracefulShutdown"]] as const;
  return power.flatMap((p) =>
    reset.flatMap((r) =>
      button.flatMap((b) =>
        console.map((c) => ({
          ...(p ? { power: p } : {}),
          ...(r ? { reset: r } : {}),
          ...(b ? { button: b } : {}),
          ...(c ? { console: c } : {}),
        })),
      ),
    ),
  );
})();

const SITUATIONS = ACTIONS.flatMap((action) =>
  SUPPLY_VALUES.flatMap((supply) =>
    HOST_VALUES.flatMap((host) =>
      [undefined, ...WAKES].flatMap((wake) =>
        [false, true].map((escalate) => ({ action, supply, host, wake, escalate })),
      ),
    ),
  ),
);

type Claim = (input: LadderInput, ladder: Ladder) => string | undefined;
const claims = new Map<string, Claim>();
let exceptions: ReadonlyMap<string, string> | undefined;

/** Claims something of all of them, four millions, which are gone through once for all claims. */
function holds(what: string, claim: Claim): void {
  claims.set(what, claim);
  // oxlint-disable-next-line vitest/valid-title -- the titles stand where the claims are
  it(what, { timeout: 240_000 }, () => {
    exceptions ??= goThrough();
    expect(exceptions.get(what)).toBeUndefined();
  });
}

/** By claim, its first exception with its input. */
function goThrough(): Map<string, string> {
  const found = new Map<string, string>();
  for (const capabilities of WIRINGS) {
    for (const situation of SITUATIONS) {
      const input = { capabilities, ...situation };
      const ladder = planLadder(input);
      for (const [what, claim] of claims) {
        const broken = claim(input, ladder);
        if (broken !== undefined && !found.has(what))
          found.set(what, `${broken}: ${JSON.stringify(input)}`);
      }
    }
  }
  return found;
}

const rungs = (ladder: Ladder): readonly Step[] =>
  ladder.outcome === "steps" ? [...ladder.steps, ...ladder.escalation] : [];
const acts = (ladder: Ladder): ActStep[] => rungs(ladder).filter((step) => step.kind === "act");
const cuts = (step: Step): boolean =>
  step.kind === "act" && ["ForceOff", "PowerCycle"].includes(step.action);

/** The order of the design, spelled out: button, ACPI or BMC, a program on the host, console. */
function expectedAsks({ power = [], button = [], console = [] }: Capabilities): string[] {
  const byDevice = power.includes("GracefulShutdown");
  const asks: string[] = [];
  if (button.includes("PushPowerButton")) asks.push("button.PushPowerButton");
  else if (power.includes("PushPowerButton") && !byDevice) asks.push("power.PushPowerButton");
  if (byDevice) asks.push("power.GracefulShutdown");
  if (button.includes("GracefulShutdown")) asks.push("button.GracefulShutdown");
  if (console.includes("GracefulShutdown")) asks.push("console.GracefulShutdown");
  return asks;
}

const can = (capabilities: Capabilities, step: ActStep): boolean =>
  capabilities[step.interface]?.includes(step.action) ?? false;

describe("every action × wiring × supply × host × wake × escalate", () => {
  holds("names only rungs that the interface can do", ({ capabilities }, ladder) =>
    acts(ladder).every((step) => can(capabilities, step)) ? undefined : "a rung nobody can do",
  );

  holds(
    "is unsupported exactly when supportedActions lacks the action, and then names those it has",
    ({ action, capabilities }, ladder) => {
      const supported = supportedActions(capabilities);
      const refused = ladder.outcome === "rejected" && ladder.reasonCode === "unsupported-action";
      if (refused === supported.includes(action)) return "supported and refused do not agree";
      if (!refused) return undefined;
      const named = ACTIONS.filter((one) => new RegExp(`\\b${one}\\b`).test(ladder.detail));
      const expected = ACTIONS.filter((one) => one === action || supported.includes(one));
      return named.join() === expected.join() ? undefined : `the sentence says ${ladder.detail}`;
    },
  );

  holds(
    "acts on a node whose supply is off only by On, ForceOff and PowerCycle",
    ({ action, supply }, ladder) => {
      if (supply !== "Off" || ["On", "ForceOff", "PowerCycle"].includes(action)) return undefined;
      return acts(ladder).length > 0 ? "acts on nothing" : undefined;
    },
  );

  holds(
    "takes the supply away only for what asked for it, or for a wake that was declared, or an escalation",
    ({ action, host, wake, escalate }, ladder) => {
      if (ladder.outcome !== "steps") return undefined;
      if (ladder.steps.some(cuts)) {
        const asked = ["ForceOff", "PowerCycle", "ForceRestart"].includes(action);
        const waking = action === "On" && host === "Halted" && wake === "supply-cycle";
        if (!asked && !waking) return "cuts the supply unasked";
      }
      return ladder.escalation.length > 0 && !escalate ? "escalates unasked" : undefined;
    },
  );

  holds(
    "lets only the graceful actions wait or escalate, and waits right after each that asks",
    ({ action, capabilities }, ladder) => {
      if (ladder.outcome !== "steps") return undefined;
      const kinds = ladder.steps.map(({ kind }) => kind).join(" ");
      const asks = Array(expectedAsks(capabilities).length).fill("act await-halt").join(" ");
      const expected =
        action === "GracefulShutdown"
          ? asks
          : action === "GracefulRestart"
            ? `${asks} revive`
            : "act";
      if (kinds !== expected) return `steps are ${kinds}`;
      if (expected === "act" && ladder.escalation.length > 0) return "escalates";
      const parts = ladder.steps.map((step) => (step.kind === "await-halt" ? (step.part ?? 1) : 0));
      const whole = parts.reduce((sum, part) => sum + part, 0);
      if (expected !== "act" && whole !== 1) return `the waits are ${whole} of the limit`;
      return ladder.escalation.every(({ kind }) => kind === "act") ? undefined : "escalation waits";
    },
  );

  holds(
    "asks by every way that is wired, once each, gentlest first",
    ({ action, capabilities }, ladder) => {
      if (ladder.outcome !== "steps" || !action.startsWith("Graceful")) return undefined;
      const asked = ladder.steps
        .filter((step) => step.kind === "act")
        .map((step) => `${step.interface}.${step.action}`);
      return asked.join() === expectedAsks(capabilities).join() ? undefined : asked.join();
    },
  );

  holds(
    "tells the kernel last, by the console alone, and only a host that shall stop",
    ({ action }, ladder) => {
      const steps = acts(ladder);
      const at = steps.findIndex((step) => step.interface === "console");
      if (at < 0) return undefined;
      if (!action.startsWith("Graceful")) return "a console rung where nothing is asked";
      const later = steps.slice(at + 1).filter((step) => step.interface !== "console");
      if (steps.filter((step) => step.interface === "console").length > 1) return "twice";
      if (ladder.outcome === "steps" && later.some((step) => !ladder.escalation.includes(step)))
        return "something but force after the console";
      return steps[at]?.action === "GracefulShutdown" ? undefined : "another action of a console";
    },
  );

  holds(
    "brings back, by an owed rung that can be done, whatever GracefulRestart has stopped",
    ({ action, capabilities, wake }, ladder) => {
      if (action !== "GracefulRestart" || ladder.outcome !== "steps") return undefined;
      if (ladder.steps.at(-1)?.kind !== "revive") return "does not end in a revival";
      for (const supply of SUPPLY_VALUES) {
        const step = reviveStep(capabilities, { supply, wake });
        if (!step.owed) return `the revival is not owed at ${supply}`;
        if (!can(capabilities, step)) return `nobody can ${step.action} at ${supply}`;
        if (step.action === "ForceOff") return `the revival is no revival at ${supply}`;
        // On alone does nothing where the supply is live already.
        if (step.action === "On" && !["Off", "PoweringOn"].includes(supply)) {
          return `On may wake nobody at ${supply}`;
        }
      }
      return undefined;
    },
  );

  holds("owes nothing before a host has stopped", (_, ladder) =>
    acts(ladder).some(({ owed }) => owed) ? "an owed rung" : undefined,
  );

  holds(
    "changes nothing only where GracefulShutdown finds the host down",
    ({ action, supply, host }, ladder) => {
      const down = action === "GracefulShutdown" && (supply === "Off" || host === "Halted");
      const unsupported = ladder.outcome === "rejected";
      return (ladder.outcome === "unchanged") === (down && !unsupported) ? undefined : "unchanged?";
    },
  );

  holds(
    "never concludes from silence: Unknown is not Off, not Halted",
    ({ supply, host }, ladder) => {
      if (supply !== "Unknown" || host !== "Unknown") return undefined;
      if (ladder.outcome === "steps") return undefined;
      return ladder.outcome === "rejected" && ladder.reasonCode === "unsupported-action"
        ? undefined
        : "refuses what it does not know";
    },
  );

  const codes = ["unsupported-action", "supply-off", "host-halted", "needs-cycle"];
  holds("rejects with the codes of the table alone, and a sentence", ({ supply, host }, ladder) => {
    if (ladder.outcome !== "rejected") return undefined;
    if (!codes.includes(ladder.reasonCode)) return ladder.reasonCode;
    if (ladder.reasonCode === "supply-off" && supply !== "Off") return "the supply is not off";
    if (ladder.reasonCode !== "supply-off" && ladder.reasonCode !== "unsupported-action") {
      if (host !== "Halted") return "the host has not halted";
    }
    return /^\w+ \w+ .{10,}/.test(ladder.detail) ? undefined : "no sentence";
  });

  holds(
    "wakes by a magic packet only a halted host whose `wake` is that",
    ({ action, host, wake }, ladder) => {
      if (!acts(ladder).some((step) => step.action === "Wake")) return undefined;
      const waking = action === "On" && host === "Halted" && wake === "wol";
      return waking ? undefined : "wakes unasked";
    },
  );

  holds("tells nobody to use what the node cannot do", ({ capabilities }, ladder) => {
    if (ladder.outcome !== "rejected" || ladder.reasonCode !== "needs-cycle") return undefined;
    const told = /\bPowerCycle starts/.test(ladder.detail);
    return told === supportedActions(capabilities).includes("PowerCycle") ? undefined : "advice";
  });
});

const spelled = (list: readonly Step[]): string => list.map(spelledStep).join(", ");

function spelledStep(step: Step): string {
  if (step.kind === "act") return `${step.interface}.${step.action}`;
  return step.kind === "await-halt" && step.part !== undefined
    ? `${step.kind} ${step.part}`
    : step.kind;
}

/** `button.PushPowerButton, await-halt | power.ForceOff`, or the outcome with its code. */
function spell(ladder: Ladder): string {
  if (ladder.outcome === "rejected") return `rejected ${ladder.reasonCode}`;
  if (ladder.outcome === "unchanged") return "unchanged";
  const escalation = ladder.escalation.length > 0 ? ` | ${spelled(ladder.escalation)}` : "";
  return spelled(ladder.steps) + escalation;
}

describe("the table, readable", () => {
  const full: Capabilities = {
    power: ["On", "ForceOff", "PowerCycle", "Nmi"],
    reset: ["ForceRestart"],
    button: ["PushPowerButton"],
  };
  const plug: Capabilities = { power: ["On", "ForceOff", "PowerCycle"] };
  const bmc: Capabilities = {
    power: ENDPOINT_ACTIONS.filter((action) => action !== "GracefulShutdown"),
  };
  const acpi: Capabilities = { power: ENDPOINT_ACTIONS };
  const wol: Capabilities = { ...plug, button: ["GracefulShutdown", "Wake"] };
  const reporter: Capabilities = { button: ["PushPowerButton", "GracefulShutdown"] };
  const console: Capabilities = { console: ["GracefulShutdown"] };

  it.each<[Action, Capabilities, Supply, Host, Wake | undefined, boolean, string]>([
    ["On", plug, "Off", "Unknown", undefined, false, "power.On"],
    ["On", plug, "On", "Running", undefined, false, "power.On"],
    ["On", plug, "On", "Halted", undefined, false, "rejected needs-cycle"],
    ["On", plug, "On", "Halted", "supply-cycle", false, "power.PowerCycle"],
    ["On", full, "On", "Halted", "button", false, "button.PushPowerButton"],
    ["On", plug, "On", "Halted", "button", false, "rejected needs-cycle"],
    ["On", plug, "On", "Halted", "wol", false, "rejected needs-cycle"],
    ["On", full, "On", "Halted", "wol", false, "rejected needs-cycle"],
    ["On", wol, "On", "Halted", "wol", false, "button.Wake"],
    ["On", wol, "Off", "Unknown", "wol", false, "power.On"],
    ["On", wol, "On", "Running", "wol", false, "power.On"],
    ["On", wol, "On", "Halted", "supply-cycle", false, "power.PowerCycle"],
    ["PushPowerButton", wol, "On", "Running", "wol", false, "rejected unsupported-action"],
    ["ForceOff", full, "On", "Running", undefined, false, "power.ForceOff"],
    ["ForceOff", full, "Off", "Halted", undefined, false, "power.ForceOff"],
    [
      "GracefulShutdown",
      full,
      "On",
      "Running",
      undefined,
      false,
      "button.PushPowerButton, await-halt",
    ],
    [
      "GracefulShutdown",
      full,
      "On",
      "Running",
      undefined,
      true,
      "button.PushPowerButton, await-halt | power.ForceOff",
    ],
    ["GracefulShutdown", full, "On", "Halted", undefined, true, "unchanged"],
    ["GracefulShutdown", full, "Off", "Unknown", undefined, true, "unchanged"],
    ["GracefulShutdown", plug, "On", "Running", undefined, true, "rejected unsupported-action"],
    [
      "GracefulShutdown",
      { ...plug, ...console },
      "On",
      "Running",
      undefined,
      false,
      "console.GracefulShutdown, await-halt",
    ],
    [
      "GracefulShutdown",
      { ...plug, ...console },
      "On",
      "Unknown",
      undefined,
      true,
      "console.GracefulShutdown, await-halt | power.ForceOff",
    ],
    [
      "GracefulShutdown",
      { ...full, ...console },
      "On",
      "Running",
      undefined,
      true,
      "button.PushPowerButton, await-halt 0.75, console.GracefulShutdown, await-halt 0.25 | power.ForceOff",
    ],
    ["GracefulShutdown", console, "Unknown", "Halted", undefined, false, "unchanged"],
    [
      "GracefulShutdown",
      acpi,
      "On",
      "Running",
      undefined,
      false,
      "power.GracefulShutdown, await-halt",
    ],
    [
      "GracefulShutdown",
      { ...plug, button: ["GracefulShutdown"] },
      "On",
      "Running",
      undefined,
      true,
      "button.GracefulShutdown, await-halt | power.ForceOff",
    ],
    [
      "GracefulShutdown",
      { ...acpi, ...reporter, ...console },
      "On",
      "Running",
      undefined,
      false,
      "button.PushPowerButton, await-halt 0.375, power.GracefulShutdown, await-halt 0.1875, button.GracefulShutdown, await-halt 0.1875, console.GracefulShutdown, await-halt 0.25",
    ],
    ["GracefulRestart", console, "On", "Running", undefined, false, "rejected unsupported-action"],
    [
      "GracefulRestart",
      { ...bmc, ...console },
      "On",
      "Running",
      undefined,
      true,
      "power.PushPowerButton, await-halt 0.75, console.GracefulShutdown, await-halt 0.25, revive | power.ForceRestart",
    ],
    [
      "PushPowerButton",
      { ...plug, ...console },
      "On",
      "Running",
      undefined,
      false,
      "rejected unsupported-action",
    ],
    [
      "GracefulRestart",
      full,
      "On",
      "Running",
      undefined,
      false,
      "button.PushPowerButton, await-halt, revive",
    ],
    [
      "GracefulRestart",
      full,
      "On",
      "Running",
      undefined,
      true,
      "button.PushPowerButton, await-halt, revive | reset.ForceRestart",
    ],
    [
      "GracefulRestart",
      bmc,
      "On",
      "Running",
      undefined,
      true,
      "power.PushPowerButton, await-halt, revive | power.ForceRestart",
    ],
    ["GracefulRestart", full, "Off", "Unknown", undefined, false, "rejected supply-off"],
    ["GracefulRestart", full, "On", "Halted", undefined, false, "rejected host-halted"],
    ["ForceRestart", full, "On", "Halted", undefined, false, "reset.ForceRestart"],
    ["ForceRestart", plug, "On", "Running", undefined, false, "power.PowerCycle"],
    ["ForceRestart", full, "Off", "Unknown", undefined, false, "rejected supply-off"],
    ["PowerCycle", full, "Off", "Unknown", undefined, false, "power.PowerCycle"],
    ["PowerCycle", full, "Unknown", "Unknown", undefined, false, "power.PowerCycle"],
    ["Nmi", full, "On", "Running", undefined, false, "power.Nmi"],
    ["Nmi", plug, "On", "Running", undefined, false, "rejected unsupported-action"],
    ["PushPowerButton", bmc, "On", "Halted", undefined, false, "power.PushPowerButton"],
    ["PushPowerButton", full, "Off", "Unknown", undefined, false, "rejected supply-off"],
    ["On", {}, "Unknown", "Unknown", undefined, false, "rejected unsupported-action"],
  ])(
    "%s on %j, supply %s, host %s, wake %s, escalate %s: %s",
    (action, capabilities, supply, host, wake, escalate, expected) => {
      expect(spell(planLadder({ action, capabilities, supply, host, wake, escalate }))).toBe(
        expected,
      );
    },
  );

  it.each<[Supply, string]>([
    ["On", "button.Wake"],
    ["Off", "power.On"],
    ["PoweringOff", "power.PowerCycle"],
    ["Unknown", "power.PowerCycle"],
  ])(
    "revives a host on supply %s by a magic packet only where that can work: %s",
    (supply, how) => {
      const step = reviveStep(wol, { supply, wake: "wol" });
      expect(`${step.interface}.${step.action}`).toBe(how);
      const without = reviveStep(plug, { supply, wake: "wol" });
      expect(without.interface).toBe("power");
    },
  );

  it.each<[Supply, Wake | undefined, string]>([
    ["Off", "button", "power.On"],
    ["PoweringOn", undefined, "power.On"],
    ["On", "button", "button.PushPowerButton"],
    ["On", "supply-cycle", "power.PowerCycle"],
    ["On", undefined, "power.PowerCycle"],
    ["PoweringOff", "button", "power.PowerCycle"],
    ["Unknown", "button", "power.PowerCycle"],
  ])("revives a host on supply %s with wake %s by %s", (supply, wake, expected) => {
    const step = reviveStep(full, { supply, wake });
    expect(`${step.interface}.${step.action}`).toBe(expected);
  });
});

describe("supportedActions", () => {
  it("grows with what is wired: one more wire never takes an action away", () => {
    fc.assert(
      fc.property(fc.constantFrom(...WIRINGS), fc.constantFrom(...WIRINGS), (one, other) => {
        const both = Object.fromEntries(
          (["power", "reset", "button", "console"] as const).map((kind) => [
            kind,
            [...(one[kind] ?? []), ...(other[kind] ?? [])],
          ]),
        );
        const supported = supportedActions(both);
        for (const action of supportedActions(one)) expect(supported).toContain(action);
        expect(supported).toEqual(ACTIONS.filter((action) => supported.includes(action)));
      }),
    );
  });
});
