import { defineDriver } from "@outrider/ports/driver";
import { ModelConsole } from "../../../console/testing/model-console.js";
import { NoOptions } from "../../no-options.js";

/** Echoes what is written; the words `up` and `down` are its link. */
class Echo extends ModelConsole {
  override async write(bytes: Uint8Array): Promise<void> {
    const text = Buffer.from(bytes).toString();
    if (text === "up") this.link({ up: true });
    else if (text === "down") this.link({ up: false, detail: "down" });
    else this.say(`echo of ${text}`);
  }
}

export const driver = defineDriver({
  port: "console",
  driver: "model",
  summary: "A console in memory.",
  actions: ["GracefulShutdown"],
  options: NoOptions,
  example: { options: {} },
  open: async () => new Echo(),
});
