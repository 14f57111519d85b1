import type { Socket } from "node:net";
import type { NodeId } from "@outrider/contracts/ids";
import type { ConsoleWay } from "@outrider/contracts/console";
import type { Visitor } from "../sessions/attachment.js";

/** The far end's address; IPv4 as such, also where it came by IPv6. */
export function farAddress(socket: Pick<Socket, "remoteAddress">): string {
  return (socket.remoteAddress ?? "unknown").replace(/^::ffff:(?=\d+\.)/, "");
}

/** Somebody who has shown nothing but where they come from, and may do nothing beyond this one console. */
export function visitorFrom(address: string, node: NodeId, way: ConsoleWay): Visitor {
  const name = address.replaceAll(/[^A-Za-z0-9._@-]/g, "-").slice(0, 64);
  const subject = {
    kind: "anonymous",
    name,
    rights: ["console-read", "console-write"],
    nodes: [node],
  } as const;
  return { actor: `address:${name}`, subject: () => subject, way, from: address };
}
