import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";
import { startTestBroker } from "@outrider/testing/broker";
import { startCuttingProxy } from "@outrider/testing/cutting-proxy";
import { within } from "@outrider/testing/eventually";
import { expect, test } from "vitest";
import { Session } from "./session.js";

/** Node has no getter for the option; this is where its sockets remember what was asked for. */
function hasNoDelay(socket: Socket): unknown {
  const symbol = Object.getOwnPropertySymbols(socket).find(
    ({ description }) => description === "kSetNoDelay",
  );
  if (!symbol) throw new Error("this version of Node keeps TCP_NODELAY elsewhere");
  return (socket as unknown as Record<symbol, unknown>)[symbol];
}

test("every socket of a session has TCP_NODELAY, the ones after a reconnect too", async () => {
  const sockets: Socket[] = [];
  const record = (message: unknown): void =>
    void sockets.push((message as { socket: Socket }).socket);
  await using broker = await startTestBroker();
  await using proxy = await startCuttingProxy(broker.port);
  const session = new Session({ url: proxy.url, clientId: "one" });
  subscribe("net.client.socket", record);
  try {
    session.start();
    await session.ready(within());
    const ours = (): Socket[] => sockets.filter(({ remotePort }) => remotePort === proxy.port);
    const [first] = ours();
    const lost = Promise.withResolvers<void>();
    session.onDisconnect(() => lost.resolve());
    proxy.reset();
    await lost.promise;
    await session.ready(within());
    const second = ours().find((one) => one !== first);
    expect([first, second].map((one) => one && hasNoDelay(one))).toEqual([true, true]);
  } finally {
    unsubscribe("net.client.socket", record);
    await session.stop();
  }
});
