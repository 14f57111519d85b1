import { once } from "node:events";
import type { Socket } from "node:dgram";
import {
  AccessControlModelType,
  AccessLevel,
  AuthProtocols,
  createAgent,
  ErrorStatus,
  MaxAccess,
  MibProviderType,
  ObjectType,
  PrivProtocols,
  SecurityLevel,
} from "net-snmp";
import { SlotError } from "./slot-api.js";
import { SNMP_DIALECTS, type Column, type SnmpDialect, type SnmpTable } from "./snmp-dialects.js";
import type { SwitchPorts } from "./switch-ports.js";

export interface SnmpFrontOptions {
  readonly udpPort: number;
  readonly dialect: SnmpDialect;
  readonly slots: number;
  /** May read, and may read and write. */
  readonly communities: { readonly read: string; readonly write: string };
  /** A user of version 3 with SHA-256 and AES, who may write. */
  readonly user?: { readonly name: string; readonly authKey: string; readonly privKey: string };
}

/** A question or a request for one object, as net-snmp's agent hands it over. */
interface MibRequest {
  readonly oid: string;
  /** Set in the first of two passes of a write. */
  readonly testSet?: boolean;
  readonly setValue?: unknown;
  readonly instanceNode: { value: unknown };
  done(error?: { readonly errorStatus: number }): void;
}

/** Serves the ports of a switch or PDU by SNMP on the loopback interface. */
export async function serveSnmp(
  ports: SwitchPorts,
  { udpPort, dialect, slots, communities, user }: SnmpFrontOptions,
): Promise<{ close(): void }> {
  const agent = createAgent(
    { port: udpPort, address: "127.0.0.1", accessControlModelType: AccessControlModelType.Simple },
    // What is said here are refusals of strangers and broken datagrams.
    () => {},
  );
  const authorizer = agent.getAuthorizer();
  const access = authorizer.getAccessControlModel();
  authorizer.addCommunity(communities.read);
  authorizer.addCommunity(communities.write);
  access.setCommunityAccess(communities.read, AccessLevel.ReadOnly);
  access.setCommunityAccess(communities.write, AccessLevel.ReadWrite);
  if (user) {
    authorizer.addUser({
      name: user.name,
      level: SecurityLevel.authPriv,
      authProtocol: AuthProtocols.sha256,
      authKey: user.authKey,
      privProtocol: PrivProtocols.aes,
      privKey: user.privKey,
    });
    access.setUserAccess(user.name, AccessLevel.ReadWrite);
  }
  for (const table of SNMP_DIALECTS[dialect]) register(agent, ports, table, slots);
  const sockets: Socket[] = Object.values(agent.listener.sockets);
  await Promise.all(sockets.map((socket) => once(socket, "listening")));
  return { close: () => void agent.close() };
}

/** Columns of the index are in no MIB of these, or cannot be read. */
const INDEX_COLUMN = 900;

function register(
  agent: ReturnType<typeof createAgent>,
  ports: SwitchPorts,
  { oid, before, columns }: SnmpTable,
  slots: number,
): void {
  const numbers = Object.keys(columns).map(Number);
  const indices = Array.from({ length: before + 1 }, (_, at) => INDEX_COLUMN + at);
  agent.registerProvider({
    name: oid,
    type: MibProviderType.Table,
    oid: `${oid}.1`,
    maxAccess: MaxAccess["not-accessible"],
    tableColumns: [
      ...indices.map((number) => ({
        number,
        name: `c${number}`,
        type: ObjectType.Integer,
        maxAccess: MaxAccess["not-accessible"],
      })),
      ...numbers.map((number) => ({
        number,
        name: `c${number}`,
        type: ObjectType.Integer,
        maxAccess: MaxAccess[columns[number]?.write ? "read-write" : "read-only"],
      })),
    ],
    tableIndex: indices.map((number) => ({ columnName: `c${number}` })),
    handler: (request: MibRequest) => {
      const path = request.oid.slice(`${oid}.1.`.length).split(".").map(Number);
      const slot = path.at(-1) ?? 0;
      void answer(request, ports, slot, columns[path[0] ?? 0] as Column);
    },
  });
  for (let slot = 1; slot <= slots; slot++) {
    const index = indices.map((_, at) => (at < before ? 1 : slot));
    agent.getMib().addTableRow(oid, [...index, ...numbers.map(() => 0)]);
  }
}

async function answer(
  request: MibRequest,
  ports: SwitchPorts,
  slot: number,
  column: Column,
): Promise<void> {
  if (!ports.answers(slot)) return;
  if (request.testSet === true) {
    const asked = column.write?.(Number(request.setValue));
    if (asked === undefined) return request.done({ errorStatus: ErrorStatus.WrongValue });
    try {
      await ports.ask(slot, asked);
    } catch (error) {
      if (!(error instanceof SlotError)) throw error;
      return request.done({ errorStatus: ErrorStatus.ResourceUnavailable });
    }
  }
  if (!ports.says(slot)) return;
  if (request.setValue === undefined) request.instanceNode.value = column.read(ports.view(slot));
  request.done();
}
