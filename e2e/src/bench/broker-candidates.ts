import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { addCredential, readSecret } from "@outrider/identity/credentials";
import { listening } from "@outrider/testing/broker";
import { startNode, startProgram, type Child } from "@outrider/testing/child";
import { freePort } from "@outrider/testing/free-port";
import type { Secret } from "@outrider/testing/outrider-broker";
import { findProgram } from "@outrider/testing/peers";
import { tempDir } from "@outrider/testing/temp-dir";

export type CandidateName = "outrider" | "bare Aedes" | "mosquitto";

/** Who a client of the load says that it is; a broker that lets everybody in does not ask. */
export interface Claim {
  readonly kind: "person" | "service" | "agent";
  readonly name: string;
}

/** A broker in a process of its own that gets the same load as the others. */
export interface Candidate extends AsyncDisposable {
  readonly name: CandidateName;
  readonly pid: number;
  readonly port: number;
  secretOf(claim: Claim): Promise<Secret | undefined>;
}

/** All of them; without mosquitto where it is not installed. */
export async function startCandidates(agents: number): Promise<Candidate[]> {
  const candidates = [await startOurs(agents), await startBareAedes()];
  const mosquitto = findProgram("mosquitto");
  if (mosquitto) candidates.push(await startMosquitto(mosquitto));
  return candidates;
}

/** As it ships: credentials demanded, ACL, stamps, limits. */
async function startOurs(agents: number): Promise<Candidate> {
  const folder = await tempDir("bench-");
  const env = {
    OUTRIDER_BIND: "127.0.0.1",
    OUTRIDER_MQTT_PORT: "0",
    OUTRIDER_DATA: folder.path,
    OUTRIDER_SITE: join(folder.path, "site.yaml"),
    OUTRIDER_LOG_LEVEL: "warn",
  };
  const child = await startNode(import.meta.resolve("@outrider/broker/main"), { env });
  for (let agent = 0; agent < agents; agent++) {
    await addCredential(folder.path, { kind: "agent", name: `a${agent}` });
  }
  return {
    ...candidate("outrider", child, Number(child.ready["port"])),
    secretOf: async (claim) => ({
      username: claim.kind === "person" ? claim.name : `${claim.kind}:${claim.name}`,
      password: await readSecret(folder.path, claim),
    }),
    [Symbol.asyncDispose]: async () => {
      await child.kill();
      await folder.remove();
    },
  };
}

/** The same version as ours is built on, with nothing around it. */
async function startBareAedes(): Promise<Candidate> {
  const child = await startNode(import.meta.resolve("@outrider/testing/bare-aedes"), {
    args: ["0"],
  });
  return candidate("bare Aedes", child, Number(child.ready["port"]));
}

async function startMosquitto(program: string): Promise<Candidate> {
  const port = await freePort();
  await using folder = await tempDir("bench-");
  const config = join(folder.path, "mosquitto.conf");
  const lines = [
    `listener ${port} 127.0.0.1`,
    "allow_anonymous true",
    "persistence false",
    "set_tcp_nodelay true",
    "max_queued_messages 100000",
    "log_dest none",
  ];
  await writeFile(config, `${lines.join("\n")}\n`);
  const child = await startProgram(program, { args: ["-c", config], ready: "none" });
  return candidate("mosquitto", await listening(port, child), port);
}

function candidate(name: CandidateName, child: Child, port: number): Candidate {
  return {
    name,
    port,
    pid: child.pid,
    secretOf: async () => undefined,
    [Symbol.asyncDispose]: () => child.kill(),
  };
}
