import type { CommandStatus, PowerSet } from "@outrider/contracts/power";
import type { ReasonCode } from "@outrider/contracts/reasons";
import { serviceReply, serviceRequest } from "@outrider/contracts/service-plane";
import { commandNode } from "@outrider/contracts/transition";
import type { Session } from "@outrider/messaging/session";
import { within } from "@outrider/testing/eventually";

export interface AskedPower {
  readonly actor: string;
  readonly via: string;
  readonly node: string;
  readonly set: PowerSet;
}

/** The power service's part, played by a test: takes commands, and accepts or refuses them. */
export class PowerUnderTest {
  readonly asked: AskedPower[] = [];
  /** What is answered from now on; silence while undefined. */
  answer:
    | { readonly status: CommandStatus; readonly reasonCode?: ReasonCode; readonly detail?: string }
    | undefined = { status: "Accepted" };

  static async start(session: Session): Promise<PowerUnderTest> {
    const power = new PowerUnderTest();
    session.subscribe(
      serviceRequest,
      { service: "power", operation: commandNode.name },
      async ({ payload: { id, client, actor, via, body } }) => {
        const { node, set } = body as { node: string; set: PowerSet };
        power.asked.push({ actor, via, node, set });
        const { answer } = power;
        if (!answer) return;
        const result = {
          id: set.id,
          seq: 0,
          action: set.action,
          terminal: answer.status === "Rejected",
          actor,
          via,
          startedAt: new Date().toISOString(),
          ...answer,
        };
        await session.publish(
          serviceReply,
          { service: "power", client, id },
          { id, body: { result } },
        );
      },
    );
    await session.ready(within());
    return power;
  }
}
