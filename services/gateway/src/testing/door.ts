import { silentLog } from "@outrider/messaging/log";
import { startTestBroker } from "@outrider/testing/broker";
import { tempDir } from "@outrider/testing/temp-dir";
import { startGateway, type RunningGateway } from "../start.js";

export interface Door extends AsyncDisposable {
  readonly gateway: RunningGateway;
  readonly data: string;
  /** Where the broker is. */
  readonly mqttUrl: string;
  /** Asks the API with these headers; a body is sent as JSON. */
  readonly ask: (
    method: string,
    path: string,
    options?: { body?: unknown; headers?: Readonly<Record<string, string>> },
  ) => Promise<Response>;
}

/** A gateway with a broker and no other service. @param demonstration whether whoever is here is an operator */
export async function openDoor(demonstration = false): Promise<Door> {
  const stack = new AsyncDisposableStack();
  const broker = stack.use(await startTestBroker());
  const folder = stack.use(await tempDir("gw-"));
  const gateway = await startGateway(
    {
      mqttUrl: broker.url,
      dataDirectory: folder.path,
      bind: "127.0.0.1",
      httpPort: 0,
      hosts: ["outrider.example"],
    },
    {
      log: silentLog,
      defect: (error) => {
        throw error;
      },
      ...(demonstration ? { anonymous: "loopback-operator" } : {}),
    },
  );
  stack.defer(() => gateway.stop());
  return {
    gateway,
    data: folder.path,
    mqttUrl: broker.url,
    ask: (method, path, { body, headers = {} } = {}) =>
      fetch(`${gateway.url}/api/v1${path}`, {
        method,
        headers: {
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
