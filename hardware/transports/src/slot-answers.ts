import { PortError } from "@outrider/ports/port-error";
import type { HttpAnswer } from "./http.js";

/** One slot of a rack or chassis, as it says it is. */
export interface Slot {
  readonly supply: "on" | "off";
  readonly host: "running" | "halted" | "panicked" | "off" | "paused";
  /** What the slot draws, in watts, where the device measures it. */
  readonly drawWatts?: number;
}

/** A slot with the number of the newest edge that it takes into account, where the device says so. */
export type SlotReading = Slot & { readonly seq?: number };

const SUPPLIES = ["on", "off"] as const;
const HOSTS = ["running", "halted", "panicked", "off", "paused"] as const;

/** @throws PortError as the device answers: `refused`, `unsupported`, `invalid-options`, else `protocol` */
export function readSlot(answer: Pick<HttpAnswer, "status" | "json">, what: string): SlotReading {
  throwUnlessOk(answer, what);
  return slotOf(answer.json, what);
}

/** Readings by slot. @throws as {@link readSlot} */
export function readReadings(
  answer: Pick<HttpAnswer, "status" | "json">,
  what: string,
): Map<number, SlotReading> {
  throwUnlessOk(answer, what);
  const { readings } = (answer.json ?? {}) as { readings?: unknown };
  if (!Array.isArray(readings)) throw notASlot(what);
  return new Map(
    readings.map((one: unknown) => {
      const slot = (one as { slot?: unknown } | null)?.slot;
      if (typeof slot !== "number") throw notASlot(what);
      return [slot, slotOf(one, `${what}, slot ${slot}`)];
    }),
  );
}

function slotOf(json: unknown, what: string): SlotReading {
  const { supply, host, drawWatts, seq } = (json ?? {}) as Record<string, unknown>;
  const known = {
    supply: SUPPLIES.find((word) => word === supply),
    host: HOSTS.find((word) => word === host),
  };
  if (known.supply === undefined || known.host === undefined) throw notASlot(what);
  const draw = typeof drawWatts === "number" && drawWatts >= 0 ? { drawWatts } : {};
  const newest = typeof seq === "number" ? { seq } : {};
  return { supply: known.supply, host: known.host, ...draw, ...newest };
}

/** Whether a lamp shines. @throws as {@link readSlot} */
export function readLamp(answer: Pick<HttpAnswer, "status" | "json">, what: string): boolean {
  throwUnlessOk(answer, what);
  const { on } = (answer.json ?? {}) as { on?: unknown };
  if (typeof on !== "boolean") throw notASlot(what);
  return on;
}

/** What is measured, by quantity; what each is, is for the reader to check. @throws as {@link readSlot} */
export function readSensors(
  answer: Pick<HttpAnswer, "status" | "json">,
  what: string,
): Readonly<Record<string, unknown>> {
  throwUnlessOk(answer, what);
  const { json } = answer;
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw notASlot(what);
  return json as Record<string, unknown>;
}

/** @throws as {@link readSlot} */
export function readEdges(
  answer: Pick<HttpAnswer, "status" | "json">,
  what: string,
): { readonly seq: number; readonly slot: number | undefined }[] {
  throwUnlessOk(answer, what);
  if (!Array.isArray(answer.json)) throw notASlot(what);
  return answer.json.map((edge: unknown) => {
    const { seq, slot } = (edge ?? {}) as Record<string, unknown>;
    if (typeof seq !== "number") throw notASlot(what);
    return { seq, slot: typeof slot === "number" ? slot : undefined };
  });
}

/** @throws as {@link readSlot} */
export function throwUnlessOk(answer: Pick<HttpAnswer, "status" | "json">, what: string): void {
  if (answer.status !== 200) throw refusalOf(answer, what);
}

/** What an answer other than success means. */
export function refusalOf(
  { status, json }: Pick<HttpAnswer, "status" | "json">,
  what: string,
): PortError {
  const { code, message } =
    (json as { error?: { code?: unknown; message?: unknown } } | undefined)?.error ?? {};
  const words = typeof message === "string" ? message.slice(0, 500) : `HTTP status ${status}`;
  switch (code) {
    case "refused":
    case "failed":
      return new PortError("refused", `${what} refused: ${words}`);
    case "unsupported":
      return new PortError("unsupported", `${what} cannot do this: ${words}`);
    case "no-such-slot":
      return new PortError(
        "invalid-options",
        `${what}: ${words} Correct the option slot in the site file.`,
      );
    default:
      return new PortError(
        "protocol",
        `${what} gave an answer that is not understood: ${words}. Check that the address belongs to a rack or chassis.`,
      );
  }
}

function notASlot(what: string): PortError {
  return new PortError(
    "protocol",
    `${what} answered, but not as a slot does. Check that the address belongs to a rack or chassis.`,
  );
}
