import { ExactlyOne, Integer, Optional } from "@outrider/contracts/decorators";
import { defineDriver } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";
import { Matches } from "class-validator";
import { slotConsole } from "../slot-console-port.js";

/** Where the rack serves, and which of its slots the node is in. */
export class SimulatedConsoleOptions {
  /** `http://127.0.0.1:8070`: the rack's address, when it serves on a port. */
  @Optional()
  @Matches(/^http:\/\/[A-Za-z0-9.:[\]-]{1,255}$/)
  url?: string;
  /** Absolute path of the rack's unix socket, when it serves on one. */
  @Optional()
  @Matches(/^\/.{1,106}$/)
  socket?: string;
  /** Counts from 1. */
  @Integer(1, 10_000)
  @ExactlyOne("url", "socket")
  slot!: number;
}

export const driver = defineDriver({
  port: "console",
  driver: "simulated",
  summary: "The console of a slot of a simulated rack: for demonstrations and tests, no hardware.",
  actions: ["GracefulShutdown"],
  options: SimulatedConsoleOptions,
  open: async ({ url, socket, slot }, { clock }) => {
    const address = url === undefined ? { socketPath: socket ?? "" } : { url: checkUrl(url) };
    return slotConsole({ address, slot, name: "The simulated rack", clock });
  },
});

function checkUrl(url: string): string {
  if (URL.canParse(url)) return url;
  throw new PortError(
    "invalid-options",
    "The option url of the driver console/simulated: must be http://<host>:<port>. Correct the endpoint in the site file.",
  );
}
