import type { NodeId } from "@outrider/contracts/ids";
import type { AlarmSeverity } from "@outrider/contracts/telemetry";

/** The worst alarm of each node, as its health says it. */
export class AlarmHealth {
  readonly #worst = new Map<NodeId, AlarmSeverity>();
  #changed: (node: NodeId) => void = () => undefined;

  /** @param severity of the worst alarm that stands; undefined: none does */
  set(node: NodeId, severity: AlarmSeverity | undefined): void {
    if (this.#worst.get(node) === severity) return;
    if (severity === undefined) this.#worst.delete(node);
    else this.#worst.set(node, severity);
    this.#changed(node);
  }

  of(node: NodeId): AlarmSeverity | undefined {
    return this.#worst.get(node);
  }

  onChange(changed: (node: NodeId) => void): void {
    this.#changed = changed;
  }
}
