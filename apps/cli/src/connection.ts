import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { serviceStatus } from "@outrider/contracts/service";
import type { ServiceName } from "@outrider/contracts/ids";
import {
  EnvironmentError,
  mqttUrl,
  optionalText,
  readEnvironment,
} from "@outrider/contracts/environment";
import { MessagingError } from "@outrider/messaging/errors";
import { Session } from "@outrider/messaging/session";

const CONNECT_WITHIN_MS = 3000;
/** Retained documents follow the subscription at once; a broker that has none says nothing. */
const RETAINED_WITHIN_MS = 1500;

export interface CliConfig {
  readonly url: string;
  readonly username?: string;
  readonly password?: string;
}

/** @throws EnvironmentError */
export function readCliConfig(
  environment: Readonly<Record<string, string | undefined>>,
): CliConfig {
  const values = readEnvironment(
    {
      OUTRIDER_MQTT_URL: mqttUrl("mqtt://127.0.0.1:1883"),
      OUTRIDER_USER: optionalText(),
      OUTRIDER_SECRET_FILE: optionalText(),
    },
    environment,
  );
  const { OUTRIDER_MQTT_URL: url, OUTRIDER_USER: user, OUTRIDER_SECRET_FILE: file } = values;
  if (user === undefined && file === undefined) return { url };
  if (user === undefined || file === undefined) {
    const [missing, there] = user === undefined ? ["USER", "SECRET_FILE"] : ["SECRET_FILE", "USER"];
    throw new EnvironmentError([
      `OUTRIDER_${missing} is not set; expected it together with OUTRIDER_${there}`,
    ]);
  }
  try {
    return { url, username: user, password: readFileSync(file, "utf8").trim() };
  } catch (error) {
    throw new EnvironmentError([
      `OUTRIDER_SECRET_FILE=${JSON.stringify(file)}; expected a file that can be read (${(error as NodeJS.ErrnoException).code})`,
    ]);
  }
}

/**
 * Runs `use` on a connection and closes it.
 * @throws MessagingError when there is no broker or it knows no such credentials
 */
export async function withSession<T>(
  config: CliConfig,
  interrupted: AbortSignal,
  use: (session: Session) => Promise<T>,
): Promise<T> {
  const session = new Session({ ...config, clientId: `cli-${randomUUID()}` });
  session.start();
  try {
    const signal = AbortSignal.any([interrupted, AbortSignal.timeout(CONNECT_WITHIN_MS)]);
    await session.ready(signal, { refusalsAreFinal: true });
    return await use(session);
  } catch (error) {
    throw interrupted.aborted ? interrupted.reason : error;
  } finally {
    await session.stop();
  }
}

/** Whether a service says that it is there. No word from it means that it is not. */
export async function isServing(
  session: Session,
  service: ServiceName,
  interrupted: AbortSignal,
): Promise<boolean> {
  const heard = Promise.withResolvers<boolean>();
  const subscription = session.subscribe(serviceStatus, { service }, ({ payload }) =>
    heard.resolve(payload.state === "ready" || payload.state === "degraded"),
  );
  const late = AbortSignal.any([interrupted, AbortSignal.timeout(RETAINED_WITHIN_MS)]);
  const give = (): void => heard.resolve(false);
  late.addEventListener("abort", give, { once: true });
  if (late.aborted) give();
  try {
    const serving = await heard.promise;
    interrupted.throwIfAborted();
    return serving;
  } finally {
    await subscription.dispose();
  }
}

/** What a failure of the connection means for the person at the keyboard. */
export function connectionAdvice(config: CliConfig, error: MessagingError): string {
  if (error.code === "not-authorized") {
    return config.username === undefined
      ? `${config.url} wants credentials: set OUTRIDER_USER and OUTRIDER_SECRET_FILE (${error.message})`
      : `${config.url} does not accept ${config.username} with this secret, or not for this: ${error.message}`;
  }
  return `${config.url}: ${error.message}. Is it running? OUTRIDER_MQTT_URL says where it is`;
}
