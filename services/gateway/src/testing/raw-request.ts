import { connect } from "node:net";
import { within } from "@outrider/testing/eventually";

/** Sends bytes as they are and resolves with all that comes back until the other side ends. */
export function rawRequest(url: string, bytes: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), signal: within() });
    let text = "";
    socket.setEncoding("latin1").on("data", (more: string) => (text += more));
    socket.on("error", reject);
    socket.on("close", () => resolve(text));
    socket.write(bytes, "latin1");
  });
}
