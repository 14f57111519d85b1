#!/usr/bin/env node
import { parseArgs } from "node:util";
import { announce, closeServer } from "./life.js";
import { HTTP_PLUGS, plugServer } from "./plug-http.js";
import { MQTT_PLUGS, startMqttPlugs } from "./plug-mqtt.js";
import { PlugRelays } from "./plug-relays.js";

const USAGE = `Usage: plug-main.js --kind <${[...HTTP_PLUGS, ...MQTT_PLUGS].join(" | ")}> --rack <127.0.0.1:port>
  --port <n>        where it serves HTTP, or the broker listens
  --owner <pid>     ends with that process`;

const { values: args } = parseArgs({
  options: {
    kind: { type: "string" },
    rack: { type: "string" },
    port: { type: "string" },
    owner: { type: "string" },
  },
});

function usage(problem: string): never {
  process.stderr.write(`${problem}\n${USAGE}\n`);
  process.exit(2);
}

const relays = new PlugRelays(args.rack ?? usage("--rack is missing."));
const port = Number(args.port ?? usage("--port is missing."));
const http = HTTP_PLUGS.find((one) => one === args.kind);
const mqtt = MQTT_PLUGS.find((one) => one === args.kind);
const owner = args.owner === undefined ? undefined : Number(args.owner);
const listen = `127.0.0.1:${port}`;
if (http !== undefined) {
  const server = plugServer(http, relays);
  server.listen(port, "127.0.0.1", () => announce({ listen }, owner, () => closeServer(server)));
} else if (mqtt !== undefined) {
  await startMqttPlugs(mqtt, `mqtt://${listen}`, relays);
  announce({ listen }, owner, async () => {});
} else usage("--kind: no such plug.");
