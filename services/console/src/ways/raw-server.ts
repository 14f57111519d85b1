import type { Socket } from "node:net";
import type { Clock } from "@outrider/contracts/clock";
import type { NodeId } from "@outrider/contracts/ids";
import type { Log } from "@outrider/messaging/log";
import { AttachRefused, type Attachment, type ConsoleDoor } from "../sessions/attachment.js";
import { isFromBrowser } from "./browser-guard.js";
import { farAddress, visitorFrom } from "./far-address.js";
import { endGently } from "./gentle-end.js";
import { inOrder, pumpInput } from "./input-pump.js";
import { leaveOnceTyped } from "./parting.js";
import { StreamOutput } from "./stream-output.js";
import { TypingWish } from "./typing-wish.js";

/** What a way in needs of the console service. */
export interface WayParts {
  readonly door: ConsoleDoor;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Serves the exact bytes of a console on a TCP connection: nothing is added, nothing is left out that the far end
 * reads in time, nothing is interpreted. Whoever connects types if nobody does, else looks on, and types once the
 * other has gone.
 */
export function serveRaw(socket: Socket, node: NodeId, { door, clock, log }: WayParts): void {
  const from = farAddress(socket);
  const output = new StreamOutput(socket);
  let attachment: Attachment | undefined;
  let begun = false;
  const wish = new TypingWish(clock);
  const attaching = door.attach(
    node,
    visitorFrom(from, node, "raw"),
    { mode: "write", replay: "none", raw: true },
    {
      bytes: (chunk) => output.write(chunk),
      onDrain: (callback) => output.onDrain(callback),
      told: ({ told }) => {
        if (told === "bye") endGently(socket, clock);
      },
    },
  );
  const attached = attaching.then(
    (one) => void (attachment = one),
    (error: unknown) => {
      if (!(error instanceof AttachRefused)) throw error;
      log.info({ node, way: "raw", from, code: error.code }, "a connection was not let in");
      endGently(socket, clock);
    },
  );
  let wishing = 0;
  const typeOnceLetIn = inOrder(async (bytes) => {
    await attached;
    if (attachment) {
      await wish.before(attachment);
      await attachment.input(bytes);
    }
    wishing -= 1;
  });
  const taken = pumpInput(socket, (bytes) => {
    if (!begun && isFromBrowser(bytes)) {
      log.warn({ node, way: "raw", from }, "a web browser was cut off before it typed anything");
      socket.destroy();
      return Promise.resolve();
    }
    begun = true;
    // Whoever types already: each promise would be a part of the time to the echo.
    if (wishing === 0 && attachment?.writes) return attachment.input(bytes);
    wishing += 1;
    return typeOnceLetIn(bytes);
  });
  leaveOnceTyped(socket, clock, taken, () => {
    endGently(socket, clock);
    void attaching.then(
      (one) => one.detach(),
      () => {},
    );
  });
}
