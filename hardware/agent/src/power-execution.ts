import { milliseconds, seconds } from "@outrider/contracts/clock";
import type { Supply } from "@outrider/contracts/power";
import { PortError } from "@outrider/ports/port-error";
import type { NativeAction } from "@outrider/ports/power-port";
import { ATTEMPTS } from "./attempts.js";
import { actOnce } from "./act-once.js";
import { crashPoint } from "./failpoints.js";
import type { MemoryPatch } from "./journal.js";
import { nothingDone, reasonOf, TOO_LATE, type Execution, type Outcome } from "./outcome.js";
import type { PowerEndpoint } from "./power-endpoint.js";
import { bringOn } from "./power-on.js";
import type { StartWish } from "./start-plan.js";
import type { Start } from "./start-queue.js";
import {
  act,
  comesOnByItself,
  readUntil,
  SEEN_OFF_WITHIN,
  switchOn,
  switchSupply,
  trySense,
  type SwitchResult,
} from "./supply.js";

/** A cycle ends as `Unknown` when its device is silent for this long; its `On` stays owed. */
export const CYCLE_SILENCE = seconds(60);

/** What is done with a supply. */
interface PowerExecution extends Execution {
  readonly endpoint: PowerEndpoint;
}

/**
 * Does a command for a supply, once. A device that fails is an outcome.
 * @throws the reason of the activity's signal when the agent stops in the middle
 */
export async function executePower(execution: PowerExecution): Promise<Outcome> {
  const { command, before } = execution;
  if (before instanceof PortError) return notRead(before);
  switch (command.action) {
    case "On":
      return commandedOn(before, execution);
    case "ForceOff":
      return switchOff(before, execution);
    case "PowerCycle":
      return cycle(before, execution);
    case "ForceRestart":
      return execution.endpoint.port?.restartCyclesSupply === true
        ? startNatively("ForceRestart", execution)
        : actNatively("ForceRestart", execution);
    case "PushPowerButton":
    case "Nmi":
    case "GracefulShutdown":
      return actNatively(command.action, execution);
    case "Wake":
      throw new TypeError("a supply cannot Wake; the gate lets nothing through");
    default:
      return command.action satisfies never;
  }
}

async function switchOff(before: Supply, { endpoint, activity }: PowerExecution): Promise<Outcome> {
  if (before === "Off") return UNCHANGED.Off;
  const result = await switchSupply(endpoint, false, activity.controller.signal);
  return result.kind === "verified" ? CHANGED.Off : outcomeOf(result, {});
}

async function commandedOn(before: Supply, execution: PowerExecution): Promise<Outcome> {
  const { command, endpoint, activity } = execution;
  const { signal } = activity.controller;
  if (before === "On") return UNCHANGED.On;
  const passed = await pass("start", execution);
  if ("status" in passed) return passed;
  try {
    if (passed.waited) {
      const now = await trySense(endpoint, signal);
      if (now === "On") return UNCHANGED.On;
      if (now instanceof PortError) return notRead(now);
      if (!execution.mayStart()) return TOO_LATE;
    }
    const result = await switchOn(endpoint, passed, signal);
    if (result.kind === "verified") return CHANGED.On;
    const exhausted = command.via === "policy" && endpoint.memory.attempts >= ATTEMPTS;
    return outcomeOf(result, exhausted ? { fault: faultText(result.problem) } : {});
  } finally {
    passed.over(false);
  }
}

/** Waits in the power domain for as long as the command may wait for its start. */
async function pass(
  what: StartWish["what"],
  { endpoint, activity, startByMs, progress }: PowerExecution,
): Promise<Start | Outcome> {
  const result = await endpoint.gate.pass(
    endpoint.id,
    {
      what,
      priority: "commanded",
      startByMs,
      waiting: (detail) => progress(`it waits for its start: ${detail}`),
    },
    activity.controller.signal,
  );
  if (result.kind === "go") return result.start;
  return {
    status: "Rejected",
    reasonCode: "no-start-slot",
    detail: result.detail,
    nothingDone: "not-asked",
    patch: {},
  };
}

/**
 * A cycle begins only when its power domain has the watts for its `On`, and keeps them: what it switches off must not
 * stay off because others have started meanwhile.
 */
async function cycle(before: Supply, execution: PowerExecution): Promise<Outcome> {
  if (execution.endpoint.port?.native.PowerCycle) return startNatively("PowerCycle", execution);
  const watts = await pass("watts", execution);
  if ("status" in watts) return watts;
  try {
    return watts.waited && !execution.mayStart() ? TOO_LATE : await offAndOn(before, execution);
  } finally {
    watts.over(true);
  }
}

/** Off → verified → dwell → on → verified, each recorded before it is done. */
async function offAndOn(before: Supply, execution: PowerExecution): Promise<Outcome> {
  const { endpoint, activity, recordStep, progress } = execution;
  const { signal } = activity.controller;
  if (before !== "Off") {
    const off = await switchSupply(endpoint, false, signal);
    if (off.kind === "refused") return outcomeOf(off, {});
    if (off.kind !== "verified") return withdraw(off, execution);
  }
  crashPoint("agent.off-verified");
  await recordStep("dwelling");
  crashPoint("agent.dwelling");
  const { dwellMs } = endpoint.desired;
  progress(`the supply is off and stays so for ${dwellMs} ms`);
  await endpoint.clock.sleep(milliseconds(dwellMs), signal);
  await recordStep("on");
  return finishCycle(execution, { status: "Succeeded", changed: true });
}

async function finishCycle(
  { command, endpoint, activity, progress }: PowerExecution,
  success: Omit<Outcome, "patch">,
): Promise<Outcome> {
  const end = await bringOn(endpoint, activity, {
    silence: CYCLE_SILENCE,
    by: { actor: command.actor, via: command.via, command: command.id },
    waiting: (detail) => progress(`the supply is off and waits for its start: ${detail}`),
  });
  switch (end.kind) {
    case "on": {
      // What was not seen off may be about to go.
      const late = success.status === "Succeeded" ? {} : { owed: "late-cycle" as const };
      return { ...success, patch: { seen: "On", attempts: 0, ...late } };
    }
    case "exhausted":
      return {
        status: "Failed",
        reasonCode: "fault-latched",
        detail: `the supply did not come on again: ${end.problem}`,
        patch: { seen: "Off", fault: faultText(end.problem) },
      };
    case "silent":
      return {
        status: "Unknown",
        reasonCode: "unreachable",
        detail: `the device fell silent in the middle of the cycle; the supply is switched on as soon as it can be reached: ${end.problem}`,
        patch: { seen: "Off", owed: "cycle" },
      };
    default:
      return end satisfies never;
  }
}

/** The off was not seen and may still come: it is taken back, because a cycle must not leave a node off. */
async function withdraw(off: SwitchResult, execution: PowerExecution): Promise<Outcome> {
  const { endpoint, activity } = execution;
  const { signal } = activity.controller;
  const leave = await endpoint.gate.pass(endpoint.id, { priority: "owed" }, signal);
  // The step stays what it is: a recovery must not conclude that the supply was seen off.
  if (leave.kind === "go") await switchOn(endpoint, leave.start, signal);
  const { patch: _, ...outcome } = outcomeOf(off, {});
  return finishCycle(execution, {
    ...outcome,
    status: "Failed",
    detail: `the supply was not seen off, so the cycle was given up and the supply switched on: ${outcome.detail ?? ""}`,
  });
}

/** An action by which the device itself takes the supply away and gives it again. */
async function startNatively(action: NativeAction, execution: PowerExecution): Promise<Outcome> {
  const passed = await pass("start", execution);
  if ("status" in passed) return passed;
  try {
    if (passed.waited && !execution.mayStart()) return TOO_LATE;
    const outcome = await actNatively(action, execution, () => passed.asked());
    if (outcome.nothingDone !== undefined) return outcome;
    const cycled = action === "PowerCycle" ? await watchCycle(outcome, execution) : outcome;
    passed.over(true);
    return action === "PowerCycle" ? await finishCycle(execution, cycled) : cycled;
  } finally {
    passed.over(false);
  }
}

/**
 * Looks whether a device that has taken a cycle goes off and comes on again. It is not asked again: one that was never
 * seen off may still be about to go.
 */
async function watchCycle(outcome: Outcome, execution: PowerExecution): Promise<Outcome> {
  const { endpoint, activity, before, recordStep, progress } = execution;
  // A supply that comes on was off, however short that was.
  const hasBeenOff = (supply: Supply): boolean =>
    supply === "Off" || (supply === "PoweringOn" && before !== "PoweringOn");
  const { signal } = activity.controller;
  const seen = await readUntil(endpoint, hasBeenOff, SEEN_OFF_WITHIN, signal);
  if (seen instanceof PortError || !hasBeenOff(seen)) return notSeenOff(seen, outcome);
  crashPoint("agent.off-verified");
  await recordStep("dwelling");
  crashPoint("agent.dwelling");
  progress("the device has switched its supply off and is to switch it on by itself");
  await comesOnByItself(endpoint, signal);
  return { status: "Succeeded", changed: true, patch: {} };
}

function notSeenOff(seen: Supply | PortError, { status, ...outcome }: Outcome): Outcome {
  // Whether the device got it is what was not known before either.
  if (status !== "Succeeded") return { status, ...outcome };
  const device = "the device took the request for a cycle";
  if (seen instanceof PortError) {
    return {
      status: "Unknown",
      reasonCode: reasonOf(seen.code),
      detail: `${device}, and whether the supply was off is not known: ${seen.message}`,
      patch: {},
    };
  }
  return {
    status: "Failed",
    reasonCode: "not-verified",
    detail: `${device}, and its supply was not seen off within ${SEEN_OFF_WITHIN / 1000} s; it reads ${seen}. It was not asked again; should the supply go off yet, it is switched on again. Look at the device, or leave its own cycle out of the endpoint's options: the agent then switches off, sees it off, and switches on`,
    patch: {},
  };
}

async function actNatively(
  action: NativeAction,
  { endpoint, activity }: PowerExecution,
  answered: () => void = () => {},
): Promise<Outcome> {
  const native = endpoint.port?.native[action];
  if (!native) {
    const problem = `the device of ${endpoint.id} cannot ${action}`;
    return nothingDone("not-asked", "unsupported", problem);
  }
  return actOnce(
    action,
    (within) => act(endpoint, within, native),
    activity.controller.signal,
    answered,
  );
}

const UNCHANGED = {
  On: { status: "Succeeded", changed: false, patch: { seen: "On" } },
  Off: { status: "Succeeded", changed: false, patch: { seen: "Off" } },
} as const satisfies Record<string, Outcome>;
const CHANGED = {
  On: { status: "Succeeded", changed: true, patch: { seen: "On" } },
  Off: { status: "Succeeded", changed: true, patch: { seen: "Off" } },
} as const satisfies Record<string, Outcome>;

function notRead({ code, message }: PortError): Outcome {
  return nothingDone(
    "not-asked",
    code,
    `the device could not be read, so nothing was done: ${message}`,
  );
}

function outcomeOf(result: SwitchResult, patch: MemoryPatch): Outcome {
  switch (result.kind) {
    case "verified":
      return { status: "Succeeded", changed: true, patch };
    case "refused":
      return { ...nothingDone("refused", result.code, result.problem), patch };
    case "not-verified":
      return { status: "Failed", reasonCode: "not-verified", detail: result.problem, patch };
    case "unknown":
      return {
        status: "Unknown",
        reasonCode: reasonOf(result.code),
        detail: `whether the supply was switched is not known: ${result.problem}`,
        patch,
      };
    default:
      return result satisfies never;
  }
}

/** What is kept and shown while power-on attempts are exhausted. */
export function faultText(problem: string): string {
  return `The supply did not come on and stay on in ${ATTEMPTS} automatic power-ons: ${problem}`.slice(
    0,
    500,
  );
}
