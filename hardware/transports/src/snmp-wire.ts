import {
  createSession,
  createV3Session,
  PduType,
  Version1,
  Version2c,
  type Varbind,
} from "net-snmp";
import { snmpUser, type SnmpCredentials } from "./snmp-credentials.js";
import { connectedDatagrams } from "./snmp-datagram.js";
import { isOutsideTimeWindow, OutsideTimeWindow } from "./snmp-error.js";

export interface SnmpAddress {
  /** A name or an address. */
  readonly host: string;
  readonly udpPort: number;
}

export type Answer = (error: Error | null, varbinds?: Varbind[]) => void;

/**
 * Requests and answers with one device over one socket, each sent once and waited for until it is given up. The library
 * is net-snmp. Answers that say a time of before are an {@link OutsideTimeWindow}.
 */
export interface Wire {
  get(oids: readonly string[], answer: Answer): void;
  getNext(oid: string, answer: Answer): void;
  getBulk(oid: string, repetitions: number, answer: Answer): void;
  set(varbinds: readonly Varbind[], answer: Answer): void;
  /** Whether nothing waits for an answer. */
  idle(): boolean;
  /** Forgets a request; its answer is not called any more. */
  giveUp(answer: Answer): void;
  /** Ends all with an error for those that wait. */
  cancel(error: Error): void;
  /** Ends it where nothing waits. */
  close(): void;
}

/** What is used of net-snmp's session; its own types hide the half of it. */
interface Session {
  get(oids: string[], answer: Taken): void;
  getNext(oids: string[], answer: Taken): void;
  getBulk(oids: string[], nonRepeaters: number, repetitions: number, answer: Taken): void;
  set(varbinds: Varbind[], answer: Taken): void;
  readonly reqs: Record<string, Request>;
  registerRequest(request: Request): void;
  unregisterRequest(id: number): void;
  isInTimeWindow(message: { readonly pdu: { readonly type: number } }): boolean;
  cancelRequests(error: Error): void;
  on(event: "error", listener: () => void): void;
  close(): void;
}
type Taken = (error: Error | null, rows?: (Varbind | Varbind[])[]) => void;
interface Request {
  readonly responseCb: Taken;
  getId(): number;
}

/** @param lost is told why nothing arrives at the device any more */
export function openWire(
  address: SnmpAddress,
  credentials: SnmpCredentials,
  lost: (wire: Wire, error: Error) => void,
): Wire {
  let why: Error | undefined;
  const session = sessionWith(address, credentials, (error) => {
    why = error;
    lost(wire, error);
  });
  // A datagram that is no SNMP is no answer: whoever waits goes on waiting.
  session.on("error", () => {});
  const givenUp = new WeakSet<Taken>();
  const register = session.registerRequest.bind(session);
  session.registerRequest = (request) => {
    // Between sending and here it was given up, or the whole session was.
    if (givenUp.has(request.responseCb)) return;
    if (why === undefined) register(request);
    else request.responseCb(why);
  };
  const lastReport = watchTimeWindow(session);
  const callbacks = new WeakMap<Answer, Taken>();
  const takenBy = (answer: Answer): Taken => {
    const taken: Taken = (error, rows) => {
      answer(
        isOutsideTimeWindow(error) ? new OutsideTimeWindow(lastReport()) : error,
        rows?.flat(),
      );
    };
    callbacks.set(answer, taken);
    return taken;
  };
  const wire: Wire = {
    get: (oids, answer) => session.get([...oids], takenBy(answer)),
    getNext: (oid, answer) => session.getNext([oid], takenBy(answer)),
    getBulk: (oid, repetitions, answer) => session.getBulk([oid], 0, repetitions, takenBy(answer)),
    set: (varbinds, answer) => session.set([...varbinds], takenBy(answer)),
    idle: () => Object.keys(session.reqs).length === 0,
    giveUp: (answer) => {
      const taken = callbacks.get(answer);
      if (!taken) return;
      givenUp.add(taken);
      for (const request of Object.values(session.reqs)) {
        if (request.responseCb === taken) session.unregisterRequest(request.getId());
      }
    },
    cancel: (error) => {
      session.cancelRequests(error);
      session.close();
    },
    close: () => session.close(),
  };
  return wire;
}

function sessionWith(
  { host, udpPort }: SnmpAddress,
  credentials: SnmpCredentials,
  lost: (error: Error) => void,
): Session {
  const options = {
    port: udpPort,
    transport: host.includes(":") ? ("udp6" as const) : ("udp4" as const),
    // Repeating and giving up are done by the injected clock.
    retries: 0,
    timeout: 600_000,
    reportOidMismatchErrors: true,
    dgramModule: connectedDatagrams(lost),
  };
  return (credentials.version === "3"
    ? createV3Session(host, snmpUser(credentials), options)
    : createSession(host, credentials.community, {
        ...options,
        version: credentials.version === "1" ? Version1 : Version2c,
      })) as unknown as Session;
}

/** @returns whether what was last outside the time window was a report: the device has not done what it was asked */
function watchTimeWindow(session: Session): () => boolean {
  let report = false;
  const inTimeWindow = session.isInTimeWindow.bind(session);
  session.isInTimeWindow = (message) => {
    const inside = inTimeWindow(message);
    if (!inside) report = message.pdu.type === PduType.Report;
    return inside;
  };
  return () => report;
}
