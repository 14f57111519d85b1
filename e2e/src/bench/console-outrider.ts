import { once } from "node:events";
import { Duplex } from "node:stream";
import { consoleState } from "@outrider/contracts/console";
import { freePort } from "@outrider/testing/free-port";
import { Client } from "ssh2";
import { WebSocket } from "ws";
import { nodeOf, type Lines } from "../consoles/lines.js";
import { Deployment } from "../deployment.js";
import type { Rest } from "../fleet/rest.js";
import { dial, type TerminalServer } from "./console-peers.js";
import { cpuMs, hostMs } from "./machine.js";

/** The same people by other doors, and what its log has. */
export interface Outrider extends TerminalServer {
  readonly lab: Deployment;
  readonly rest: Rest;
  openSsh(line: number): Promise<Duplex>;
  openWeb(line: number): Promise<Duplex>;
}

const WITHIN_MS = 20_000;

/** Outrider with its parts apart, as it is installed, a raw TCP port for each line. */
export async function startOutrider(lines: Lines): Promise<Outrider> {
  await using stack = new AsyncDisposableStack();
  const ports = await Promise.all(lines.paths.map(() => freePort()));
  const nodes = lines.nodes((line) => ({ raw: ports[line] ?? 0 }));
  const lab = stack.use(await Deployment.start({ nodes, gateway: true }));
  for (const node of Object.keys(nodes)) {
    await lab.bus.next(consoleState, { node }, ({ link }) => link.value === "Up");
  }
  const rest = await lab.rest();
  const { username, password } = await lab.identities.secret("person", "operator");
  // A listener that nobody needs here would be served with everything.
  await lab.bus[Symbol.asyncDispose]();
  const running = stack.move();
  return {
    name: "Outrider",
    lab,
    rest,
    open: (line) => dial(ports[line] ?? 0),
    openSsh: async (line) => {
      const client = new Client();
      client.connect({
        host: "127.0.0.1",
        port: lab.sshPort,
        username: `${username}:${nodeOf(line)}`,
        password,
      });
      await once(client, "ready", { signal: AbortSignal.timeout(WITHIN_MS) });
      client.setNoDelay(true);
      const channel = await new Promise<Duplex>((resolve, reject) => {
        client.shell({ term: "dumb" }, (error, stream) =>
          error ? reject(error) : resolve(stream),
        );
      });
      channel.once("close", () => client.end());
      return channel;
    },
    openWeb: (line) => openWeb(rest, nodeOf(line)),
    cpuMs: () => cpuMs(lab.agent().pid) + cpuMs(lab.console.pid),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** @param query how it is attached */
export async function openWeb(rest: Rest, node: string, query = "replay=none"): Promise<Duplex> {
  const socket = attach(rest, node, query);
  const duplex = new Duplex({
    read: () => {},
    write: (bytes: Buffer, _, done) => socket.send(bytes, { binary: true }, done),
    destroy: (error, done) => {
      socket.terminate();
      done(error);
    },
  });
  socket.on("message", (data, isBinary) => {
    if (isBinary) duplex.push(data);
  });
  socket.on("error", () => duplex.destroy());
  socket.on("close", () => duplex.destroy());
  await once(socket, "open", { signal: AbortSignal.timeout(WITHIN_MS) });
  return duplex;
}

/** From the request until all of the replay is there. */
export async function attachMs(
  rest: Rest,
  node: string,
  replay: string,
): Promise<{ readonly tookMs: number; readonly bytes: number }> {
  const startMs = hostMs();
  const socket = attach(rest, node, `mode=spy&replay=${replay}`);
  let bytes = 0;
  await new Promise<void>((resolve, reject) => {
    const live = replay === "none" ? "attached" : "live";
    socket.on("message", (data: Buffer, isBinary) => {
      if (isBinary) bytes += data.length;
      else if ((JSON.parse(data.toString()) as { readonly told: string }).told === live) resolve();
    });
    socket.once("error", reject);
    socket.once("close", () => reject(new Error(`${node} could not be attached to`)));
  });
  const tookMs = hostMs() - startMs;
  socket.terminate();
  return { tookMs, bytes };
}

function attach(rest: Rest, node: string, query: string): WebSocket {
  const url = `${rest.url.replace(/^http/, "ws")}/api/v1/nodes/${node}/console/attach?${query}`;
  return new WebSocket(url, ["outrider.v1"], {
    headers: { authorization: `Bearer ${rest.token}` },
  });
}
