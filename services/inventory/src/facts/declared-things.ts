import type { Site } from "../site.js";

/** Whether what was once proposed is declared by now. */
export class DeclaredThings {
  #site: () => Site | undefined = () => undefined;

  /** @param site the one in force */
  of(site: () => Site | undefined): void {
    this.#site = site;
  }

  has(kind: string, subject: string): boolean {
    const site = this.#site();
    if (!site) return false;
    switch (kind) {
      case "agent":
        return site.agents.some((agent) => agent === subject);
      case "node":
        return site.nodes.some(
          ({ serial, macs }) =>
            serial?.toLowerCase() === subject.toLowerCase() || macs.includes(subject.toLowerCase()),
        );
      case "address":
        return site.nodes.some(({ macs }) => macs.includes(subject));
      default:
        return false;
    }
  }
}
