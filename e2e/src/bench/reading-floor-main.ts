/**
 * Program: the least that brings readings into InfluxDB. Subscribes to all batches, writes each as it comes, and
 * acknowledges the number up to which all are written. Nothing is checked, ordered or told to anybody else.
 */
import { connectAsync } from "mqtt";
import { agentAck } from "@outrider/contracts/agent";
import { topicOf, TOPIC_ROOT } from "@outrider/contracts/contract";
import type { AgentReadings } from "@outrider/contracts/reading-report";

const [broker = "", username = "", password = "", database = ""] = process.argv.slice(2);
const client = await connectAsync(broker, { username, password, protocolVersion: 5 });
client.stream.on("error", () => process.exit(1));

/** By agent: what is written beyond the number up to which all is. */
const written = new Map<string, { all: number; readonly beyond: Set<number> }>();

/** The number up to which all of an agent's batches are written, now that this one is. */
function upTo(agent: string, seq: number): number {
  const mine = written.get(agent) ?? { all: 0, beyond: new Set() };
  written.set(agent, mine);
  if (seq > mine.all) mine.beyond.add(seq);
  while (mine.beyond.delete(mine.all + 1)) mine.all++;
  return mine.all;
}

client.on("message", (topic, payload) => {
  const agent = topic.split("/")[3] ?? "";
  const { epoch, seq, readings } = JSON.parse(payload.toString()) as AgentReadings;
  const lines = readings.map(({ endpoint, node, at, values = {} }) => {
    const sensor = endpoint.slice(endpoint.lastIndexOf(".") + 1);
    const fields = Object.entries(values).map(([name, value]) => `${name}=${value}`);
    return `node_sensor,node=${node},sensor=${sensor} ${fields.join(",")} ${Date.parse(at)}`;
  });
  void fetch(`${database}&precision=ms`, { method: "POST", body: lines.join("\n") }).then(
    async (reply) => {
      if (!reply.ok) throw new Error(await reply.text());
      const ack = JSON.stringify({ epoch, reading: upTo(agent, seq) });
      client.publish(topicOf(agentAck, { agent, service: "telemetry" }), ack);
    },
  );
});
await client.subscribeAsync(`${TOPIC_ROOT}agent/+/reading`);
process.stdout.write(`${JSON.stringify({ ready: true })}\n`);
