import { randomUUID } from "node:crypto";
import type { NodeId } from "@outrider/contracts/ids";
import { nodeStatus } from "@outrider/contracts/node";
import { Session } from "@outrider/messaging/session";
import type { Door } from "./door.js";

/**
 * Waits until the nodes can be managed, so that what the banner tells people to do works.
 * @returns those that cannot be yet
 */
export async function awaitManaged(
  door: Door,
  nodes: readonly NodeId[],
  signal: AbortSignal,
): Promise<NodeId[]> {
  const waiting = new Set<string>(nodes);
  if (waiting.size === 0) return [];
  const all = Promise.withResolvers<void>();
  const { url, username, password } = door;
  const session = new Session({ url, username, password, clientId: `start-${randomUUID()}` });
  session.subscribe(nodeStatus, {}, ({ payload, parameters: { node } }) => {
    if (payload.management === "Available") waiting.delete(node);
    if (waiting.size === 0) all.resolve();
  });
  const give = (): void => all.resolve();
  signal.addEventListener("abort", give, { once: true });
  if (signal.aborted) give();
  session.start();
  try {
    await all.promise;
  } finally {
    await session.stop();
  }
  return nodes.filter((node) => waiting.has(node));
}
