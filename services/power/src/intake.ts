import { Inject, Injectable } from "@nestjs/common";
import { isNodeId } from "@outrider/contracts/ids";
import { powerSet, type PowerSet } from "@outrider/contracts/power";
import { mintCommandId } from "@outrider/messaging/mint-id";
import type { Refusal } from "@outrider/contracts/codec";
import { Session, type Received, type Refused } from "@outrider/messaging/session";
import { OnMessage } from "@outrider/service-kit/on-message";
import { UNATTRIBUTED } from "./locks.js";
import { Results } from "./results.js";
import { Runs } from "./runs.js";
import { Stalls } from "./stalls.js";
import { viaOf } from "./via.js";

/** Takes what people ask of nodes. Everything that was asked is answered. */
@Injectable()
export class Intake {
  constructor(
    @Inject(Session) private readonly session: Session,
    @Inject(Runs) private readonly runs: Runs,
    @Inject(Results) private readonly results: Results,
    @Inject(Stalls) private readonly stalls: Stalls,
  ) {}

  @OnMessage(powerSet, { refused: "refused" })
  set(message: Received<PowerSet, { readonly node: string }>): void | Promise<void> {
    const { payload, parameters, actor, retain, wasRetained, receivedMs } = message;
    const { node } = parameters;
    if (!isNodeId(node)) return;
    this.runs.ask({
      node,
      set: payload,
      actor: actor ?? UNATTRIBUTED,
      via: viaOf(actor),
      wasRetained,
      arrivedMs: this.stalls.arrivedMs(receivedMs),
    });
    if (retain) return this.session.unstore(powerSet, { node });
  }

  async refused(
    refusal: Refusal,
    { parameters: { node }, actor, retain, bytes }: Refused<{ readonly node: string }>,
  ): Promise<void> {
    // An empty payload clears a retained topic, and white space around a word counts for nothing: nobody asked for
    // anything.
    if (!isNodeId(node) || Buffer.from(bytes).toString().trim() === "") return;
    if (retain) await this.session.unstore(powerSet, { node });
    const answer = this.results.answerTo({
      id: mintCommandId(),
      actor: actor ?? UNATTRIBUTED,
      via: viaOf(actor),
      status: "Rejected",
      reasonCode: "invalid",
      detail: refusal.field === "" ? refusal.message : `${refusal.field} ${refusal.message}`,
    });
    await this.results.tellAnswer(node, answer);
  }
}
