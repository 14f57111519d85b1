import * as fc from "fast-check";

/** Until then a script makes trouble; afterwards everything heals and has to come to its end. */
export const HEALED_MS = 60_000;

export type Side = "agent" | "power";
/** A device does not crash: it is silent, for nine times as long. */
export type Victim = Side | "broker" | "device";

export const ASKED_ACTIONS = [
  "On",
  "ForceOff",
  "PowerCycle",
  "GracefulShutdown",
  "GracefulRestart",
  "PushPowerButton",
] as const;

/** What happens at a time of the script, in milliseconds from its begin. */
export type Happening = { readonly atMs: number } & (
  | {
      /** Somebody asks on `power/set`. Without a name the request has no id. */
      readonly kind: "ask";
      readonly action: (typeof ASKED_ACTIONS)[number];
      readonly name: string | undefined;
      readonly ttlMs: number;
      readonly copies: number;
      readonly retained: boolean;
      readonly escalate: boolean;
    }
  /** The wire of a side is silent. Longer than its keep-alive, the connection ends. */
  | { readonly kind: "cut"; readonly side: Side; readonly forMs: number }
  | { readonly kind: "crash"; readonly victim: Victim; readonly downMs: number }
  /** A command that was sent before is delivered to the agent's present session, as the broker may do. */
  | { readonly kind: "replay"; readonly which: number; readonly retained: boolean }
  /** Somebody with the right to publish commands sends one that is well-formed, and retained. */
  | { readonly kind: "retain"; readonly action: "On" | "ForceOff" | "PowerCycle" }
  /** The holder of a lock commands the agent. */
  | {
      readonly kind: "fenced";
      readonly action: "On" | "ForceOff" | "PowerCycle";
      readonly fence: number;
    }
  | { readonly kind: "wall-clock"; readonly side: Side; readonly stepMs: number }
  | { readonly kind: "silent-device"; readonly forMs: number }
  | { readonly kind: "slow-disk"; readonly side: Side; readonly forMs: number }
  | { readonly kind: "second-service" }
);

/** Ends a victim just when a process passes a point of its journal. */
export interface CrashPoint {
  readonly point: string;
  readonly passage: number;
  readonly victim: Victim;
  readonly downMs: number;
}

export interface Script {
  /** Decides delays, losses and duplicates. */
  readonly seed: number;
  /** How bad the network is: in how many of a hundred deliveries something happens. */
  readonly badness: number;
  /** Whether the host obeys a press of its button. */
  readonly obeys: boolean;
  /** Whether the kernel obeys SysRq at its console; undefined: it has none. */
  readonly console?: "obeyed" | "ignored" | undefined;
  readonly initially: "On" | "Off";
  /** Least time between two starts of the machine's power domain, in milliseconds; 0: it is in none. */
  readonly spacingMs: number;
  readonly happenings: readonly Happening[];
  readonly crashPoints: readonly CrashPoint[];
}

const POINTS = [
  "agent.before-accept",
  "agent.accepted",
  "agent.acting",
  "agent.acted",
  "agent.off-verified",
  "agent.dwelling",
  "agent.before-on",
  "agent.verified",
  "agent.committed",
  "power.before-accept",
  "power.accepted",
  "power.told-accepted",
  "power.issued",
  "power.reported",
  "power.saved",
  "power.told-outcome",
] as const;

const side = fc.constantFrom<Side>("power", "agent");
const victim = fc.constantFrom<Victim>("agent", "power", "broker", "device");
const switching = fc.constantFrom("ForceOff" as const, "PowerCycle" as const, "On" as const);
const downMs = fc.integer({ min: 100, max: 8_000 });
const atMs = fc.integer({ min: 0, max: 40_000 });

const ask = fc.record({
  kind: fc.constant("ask" as const),
  action: fc.constantFrom(...ASKED_ACTIONS),
  name: fc.option(fc.constantFrom("a", "b", "c"), { nil: undefined, freq: 3 }),
  ttlMs: fc.constantFrom(10_000, 2_000, 300),
  copies: fc.constantFrom(1, 1, 2, 3),
  retained: fc.constantFrom(false, false, false, false, true),
  escalate: fc.boolean(),
  atMs,
});

const trouble: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("cut" as const),
      side,
      forMs: fc.integer({ min: 500, max: 12_000 }),
      atMs,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("crash" as const), victim, downMs, atMs }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("replay" as const),
      which: fc.nat(5),
      retained: fc.boolean(),
      atMs,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("retain" as const), action: switching, atMs }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("fenced" as const),
      action: switching,
      fence: fc.integer({ min: 1, max: 3 }),
      atMs,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("wall-clock" as const),
      side,
      stepMs: fc.constantFrom(-600_000, 600_000),
      atMs,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("silent-device" as const),
      forMs: fc.integer({ min: 500, max: 75_000 }),
      atMs,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("slow-disk" as const),
      side,
      forMs: fc.integer({ min: 500, max: 12_000 }),
      atMs,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("second-service" as const), atMs }) },
);

export const script: fc.Arbitrary<Script> = fc.record({
  seed: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
  badness: fc.constantFrom(0, 10, 30, 60),
  obeys: fc.boolean(),
  console: fc.constantFrom(undefined, "obeyed", "ignored"),
  initially: fc.constantFrom("On" as const, "Off" as const),
  spacingMs: fc.constantFrom(0, 0, 0, 1_500),
  happenings: fc
    .tuple(
      fc.array<Happening>(ask, { minLength: 1, maxLength: 5 }),
      fc.array(trouble, { maxLength: 5 }),
    )
    .map(([asks, troubles]) => [...asks, ...troubles]),
  crashPoints: fc.array(
    fc.record({
      point: fc.constantFrom(...POINTS),
      passage: fc.constantFrom(1, 1, 2, 3),
      victim,
      downMs,
    }),
    { maxLength: 3 },
  ),
});

/** Many starts in a power domain, under crashes of the service and bad wires. */
export const pacedScript: fc.Arbitrary<Script> = fc.record({
  seed: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
  badness: fc.constantFrom(0, 10, 30),
  obeys: fc.constant(true),
  initially: fc.constantFrom("On" as const, "Off" as const),
  spacingMs: fc.constantFrom(2_000, 8_000),
  happenings: fc
    .tuple(
      fc.array<Happening>(
        fc.record({
          kind: fc.constant("ask" as const),
          action: fc.constantFrom("PowerCycle", "PowerCycle", "GracefulRestart", "ForceOff", "On"),
          name: fc.constant(undefined),
          ttlMs: fc.constantFrom(60_000, 10_000),
          copies: fc.constant(1),
          retained: fc.constant(false),
          escalate: fc.boolean(),
          atMs,
        }),
        { minLength: 3, maxLength: 10 },
      ),
      fc.array<Happening>(
        fc.oneof(
          fc.record({
            kind: fc.constant("crash" as const),
            victim: fc.constantFrom<Victim>("power", "power", "agent", "broker"),
            downMs: fc.integer({ min: 100, max: 4_000 }),
            atMs,
          }),
          fc.record({
            kind: fc.constant("cut" as const),
            side,
            forMs: fc.integer({ min: 500, max: 12_000 }),
            atMs,
          }),
        ),
        { maxLength: 4 },
      ),
    )
    .map(([asks, troubles]) => [...asks, ...troubles]),
  crashPoints: fc.array(
    fc.record({
      point: fc.constantFrom(...POINTS),
      passage: fc.constantFrom(1, 2, 3),
      victim: fc.constantFrom<Victim>("power", "power", "agent"),
      downMs: fc.integer({ min: 100, max: 4_000 }),
    }),
    { maxLength: 3 },
  ),
});
