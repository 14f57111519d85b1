import type { TestFinding, Tested } from "@outrider/contracts/agent-request";
import { PortError } from "@outrider/ports/port-error";

/** What came of a test, from its findings. */
export function tested(...findings: readonly TestFinding[]): Tested {
  return { ok: findings.every(({ ok }) => ok), findings: findings.map(cut) };
}

export function saw(what: string): TestFinding {
  return { ok: true, what };
}

/** @throws what is no PortError */
export function failed(error: unknown): TestFinding {
  if (!(error instanceof PortError)) throw error;
  return { ok: false, what: error.message };
}

function cut({ ok, what }: TestFinding): TestFinding {
  return { ok, what: what.slice(0, 1000) };
}
