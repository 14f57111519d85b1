import { isNodeId, type NodeId } from "@outrider/contracts/ids";
import type { Happening } from "../sessions/console-parts.js";
import type { WayProblem } from "../ways/ways.js";

/**
 * Tells as events of their nodes which ways to consoles cannot be opened, and that they are well again: once for each
 * change. SSH is of no node; that it is closed is in the health of the service.
 */
export class WayEvents {
  #known: ReadonlyMap<string, WayProblem> = new Map();

  constructor(private readonly happened: (node: NodeId, event: Happening) => void) {}

  /** @param problems all that there are now */
  tell(problems: readonly WayProblem[]): void {
    const now = new Map(problems.map((one) => [`${one.way} ${one.node} ${one.port}`, one]));
    for (const [key, one] of this.#known) {
      if (!now.has(key)) this.#tell(one, "info", "is open now, or not declared any more");
    }
    for (const [key, one] of now) {
      const isNews = this.#known.get(key)?.detail !== one.detail;
      if (isNews) this.#tell(one, "warning", `is not open: ${one.detail}`);
    }
    this.#known = now;
  }

  #tell({ node, way, port }: WayProblem, severity: "info" | "warning", what: string): void {
    if (node === undefined || !isNodeId(node)) return;
    const message = `${way} to the console of ${node} on port ${port} ${what}`;
    this.happened(node, { severity, kind: "console-port", message, data: { way, port } });
  }
}
