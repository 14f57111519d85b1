import { once } from "node:events";
import { connect, createServer } from "node:net";
import { PortError } from "@outrider/ports/port-error";

/** Something of this host that is ours until it is disposed, or until the process ends, however it ends. */
export type Claim = AsyncDisposable;

const ANSWER_WITHIN_MS = 500;

/**
 * Takes a thing of this host for one process, among all that ask for it by the same name: as the kernel does for what it
 * guards itself. It is an abstract socket, so that nothing is left behind by who was killed. Processes in another network
 * namespace are not seen.
 * @param resource names it on this host: `i2c-1/0x20`
 * @param owner who takes it, told to the next who asks
 * @throws PortError `refused` that says who has it
 */
export async function claim(resource: string, what: string, owner: string): Promise<Claim> {
  const name = `\0outrider/${resource}`;
  if (process.platform !== "linux") return { [Symbol.asyncDispose]: async () => {} };
  const server = createServer((socket) => socket.on("error", () => {}).end(owner));
  server.unref();
  try {
    server.listen(name);
    await once(server, "listening");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EADDRINUSE") throw cause;
    throw new PortError(
      "refused",
      `${what} belongs to ${await holderOf(name)}. Declare it with one agent only, or end the other program.`,
      { cause },
    );
  }
  return {
    [Symbol.asyncDispose]: async () => {
      server.close();
      await once(server, "close");
    },
  };
}

async function holderOf(name: string): Promise<string> {
  const socket = connect(name).setTimeout(ANSWER_WITHIN_MS, () => socket.destroy());
  let text = "";
  try {
    for await (const chunk of socket.setEncoding("utf8")) text += chunk as string;
  } catch {
    // It has just ended, or it does not say.
  }
  return text === "" ? "another program" : text.slice(0, 200);
}
