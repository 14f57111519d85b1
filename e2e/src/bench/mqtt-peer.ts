import { openSocket } from "@outrider/messaging/socket";
import type { Secret } from "@outrider/testing/outrider-broker";
import { MqttClient } from "mqtt";

export type Take = (topic: string, payload: Buffer) => void;

/**
 * The client library that all of Outrider uses, bare: MQTT 5, QoS 1, TCP_NODELAY, and nothing of ours around it.
 */
export class MqttPeer implements AsyncDisposable {
  private constructor(private readonly client: MqttClient) {}

  /** @throws Error when the broker refuses */
  static async open(port: number, secret: Secret, clientId: string): Promise<MqttPeer> {
    const address = { host: "127.0.0.1", port, tls: false };
    const client = new MqttClient(() => openSocket(address), {
      protocolVersion: 5,
      protocolId: "MQTT",
      clientId,
      clean: true,
      reconnectPeriod: 0,
      ...secret,
    });
    await new Promise<void>((resolve, reject) => {
      client.once("connect", () => resolve());
      client.once("error", reject);
      client.once("close", () => reject(new Error(`${clientId} was not let in`)));
    });
    client.on("error", (error) => {
      throw error;
    });
    return new MqttPeer(client);
  }

  async subscribe(filter: string, take: Take): Promise<void> {
    this.client.on("message", take);
    const [granted] = await this.client.subscribeAsync(filter, { qos: 1 });
    if (granted?.qos !== 1) throw new Error(`the broker did not grant ${filter}`);
  }

  /** Sends at once; nobody waits for the acknowledgement. */
  send(topic: string, payload: string): void {
    this.client.publish(topic, payload, { qos: 1 }, (error) => {
      if (error) throw error;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.endAsync(true);
  }
}
