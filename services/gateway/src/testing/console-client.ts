import { eventually } from "@outrider/testing/eventually";
import { WebSocket } from "ws";

/** The WebSocket of a console, as a program uses it. */
export interface ConsoleClient extends Disposable {
  readonly socket: WebSocket;
  /** Text messages so far. */
  readonly told: readonly Readonly<Record<string, unknown>>[];
  /** Bytes so far. */
  bytes(): Buffer;
  /** Resolves once the bytes hold this text. */
  sees(text: string): Promise<void>;
  /** Resolves with the code of the close. */
  readonly closed: Promise<number>;
}

/** What a refused upgrade was answered with. */
export interface RefusedUpgrade {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Opens it, or says with what it was refused. */
export function openConsole(
  url: string,
  protocols: readonly string[] = [],
  headers: Readonly<Record<string, string>> = {},
): Promise<ConsoleClient | RefusedUpgrade> {
  const socket = new WebSocket(url.replace("http", "ws"), [...protocols], { headers });
  const told: Record<string, unknown>[] = [];
  const chunks: Buffer[] = [];
  socket.on("message", (data: Buffer, binary) => {
    if (binary) chunks.push(data);
    else told.push(JSON.parse(data.toString()) as Record<string, unknown>);
  });
  const closed = new Promise<number>((resolve) => socket.once("close", resolve));
  const bytes = (): Buffer => Buffer.concat(chunks);
  return new Promise((resolve, reject) => {
    socket.once("open", () =>
      resolve({
        socket,
        told,
        bytes,
        sees: async (text) => {
          await eventually(`it says ${text}`, () => bytes().includes(text));
        },
        closed,
        [Symbol.dispose]: () => socket.terminate(),
      }),
    );
    socket.once("unexpected-response", (request, response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (more: string) => (text += more));
      response.once("end", () => {
        request.destroy();
        resolve({
          status: response.statusCode ?? 0,
          body: JSON.parse(text || "{}") as Record<string, unknown>,
        });
      });
    });
    socket.on("error", reject);
  });
}

/** @throws Error when it was refused */
export async function openedConsole(
  url: string,
  protocols: readonly string[] = [],
  headers: Readonly<Record<string, string>> = {},
): Promise<ConsoleClient> {
  const opened = await openConsole(url, protocols, headers);
  if ("socket" in opened) return opened;
  throw new Error(`${opened.status} ${JSON.stringify(opened.body)}`);
}
