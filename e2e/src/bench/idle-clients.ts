import { TOPIC_ROOT } from "@outrider/contracts/contract";
import { setTimeout as delay } from "node:timers/promises";
import type { Candidate } from "./broker-candidates.js";
import { hostMs, residentKib } from "./machine.js";
import { Wire } from "./wire.js";

export interface Idle {
  /** Connections that were let in and had their subscription granted. */
  readonly connectsPerSecond: number;
  readonly kibPerClient: number;
}

/** As many connect at the same time, as when a switch comes back. */
const AT_ONCE = 50;
const SETTLE_MS = 1000;

/** Connects clients that then wait. @throws Error when one is refused */
export async function idle(candidate: Candidate, clients: number): Promise<Idle> {
  const secret = await candidate.secretOf({ kind: "person", name: "operator" });
  // The slow check of a password is made once; those who come back are let in by what is remembered of it.
  const wires = [await Wire.open(candidate.port, "first", secret)];
  let begun = 0;
  const beforeKib = residentKib(candidate.pid);
  const startMs = hostMs();
  const connect = async (): Promise<void> => {
    while (begun < clients) {
      const number = begun++;
      const wire = await Wire.open(candidate.port, `idle-${number}`, secret);
      wires.push(wire);
      await wire.subscribe(`${TOPIC_ROOT}node/n${number}/power/result`, 1);
    }
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, connect));
    const tookMs = hostMs() - startMs;
    await delay(SETTLE_MS);
    return {
      connectsPerSecond: (1000 * clients) / tookMs,
      kibPerClient: (residentKib(candidate.pid) - beforeKib) / clients,
    };
  } finally {
    for (const wire of wires) wire.close();
  }
}
