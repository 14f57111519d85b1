import { seconds } from "@outrider/contracts/clock";
import type { TestFinding, Tested } from "@outrider/contracts/agent-request";
import { PortEndpoint } from "./port-endpoint.js";
import { failed, saw, tested } from "./tested.js";

const READ_WITHIN = seconds(6);

/** What tells the firmware of a node from where to boot next. */
export class BootEndpoint extends PortEndpoint<"boot"> {
  protected readonly kind = "boot";

  override async test(signal: AbortSignal): Promise<Tested> {
    const findings: TestFinding[] = [];
    try {
      const { targets, modes } = await this.ask(READ_WITHIN, signal, async (port) => port);
      const now = await this.ask(READ_WITHIN, signal, (port, within) => port.read(within));
      findings.push(
        saw(`It can be told ${targets.join(", ")}; ${modes.join(" or ")}.`),
        saw(
          now
            ? `It is set to ${now.target}, ${now.mode}. Nothing was changed.`
            : "Nothing is set, so the firmware's own order counts. Nothing was changed.",
        ),
      );
    } catch (error) {
      findings.push(failed(error));
    }
    return tested(...findings);
  }
}
