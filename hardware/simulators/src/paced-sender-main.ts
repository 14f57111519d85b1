#!/usr/bin/env node
import { createInterface } from "node:readline";
import { PacedPort, type PacedPortSpec } from "./paced-port.js";

/** How often each port sends what is due. */
const STEP_MS = 2;

/** What the program is told on standard input, one a line; it answers each with one line. */
export type SenderCommand =
  | { readonly do: "start" | "stop" | "report" }
  | {
      readonly do: "unplug" | "plug" | "freeze" | "thaw" | "heard";
      readonly port: number;
    }
  | { readonly do: "say"; readonly port: number; readonly base64: string };

const specs = JSON.parse(process.argv[2] ?? "[]") as PacedPortSpec[];
const ports = specs.map((spec) => new PacedPort(spec));
const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6;

setInterval(() => {
  const now = nowMs();
  for (const port of ports) port.step(now);
}, STEP_MS);

function obey(command: SenderCommand): unknown {
  const port = "port" in command ? ports[command.port] : undefined;
  switch (command.do) {
    case "start":
      return ports.forEach((it) => it.start(nowMs()));
    case "stop":
      return ports.forEach((it) => it.stop());
    case "report":
      return ports.map(({ report }) => report);
    case "heard":
      return port?.heard.toString("base64");
    case "unplug":
      return port?.unplug();
    case "plug":
      return port?.plug();
    case "freeze":
    case "thaw":
      return port?.freeze(command.do === "freeze");
    case "say":
      return port?.say(Buffer.from(command.base64, "base64"));
  }
}

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const answer = obey(JSON.parse(line) as SenderCommand) ?? null;
  process.stdout.write(`${JSON.stringify(answer)}\n`);
});
// The one who started it has ended, or wants it to.
lines.on("close", () => {
  for (const port of ports) port.unplug();
  process.exit(0);
});
process.stdout.on("error", () => process.exit(0));
process.stdout.write('{"ready":true}\n');
