import type { Connection, Session } from "ssh2";

/**
 * Break requests of SSH clients (RFC 4335), which ssh2 reads and drops: the handler of channel requests of one
 * connection is put behind one that knows them. It uses what is inside of ssh2, looks before it touches, and leaves all
 * as it is where it does not find what it expects.
 */

/** The parts of ssh2 1.17 that are used. */
interface Inside {
  readonly _chanMgr?: { get?(channel: number): unknown };
  readonly _protocol?: {
    readonly _handlers?: { CHANNEL_REQUEST?: RequestHandler };
    channelSuccess?(channel: number): void;
    channelFailure?(channel: number): void;
  };
}
type RequestHandler = (
  protocol: unknown,
  channel: number,
  type: string,
  wantReply: boolean,
  data: unknown,
) => void;

/** What ssh2 answers itself, or leaves to whoever listens. */
const KNOWN = new Set([
  "env",
  "pty-req",
  "window-change",
  "x11-req",
  "signal",
  "auth-agent-req@openssh.com",
  "shell",
  "exec",
  "subsystem",
]);

/**
 * @param take does the break in a session and says whether it could; `ms`: how long, 0 where the client leaves it open
 * @returns false when this ssh2 is another inside; then breaks by the client's own means do not arrive
 */
export function onBreakRequest(
  connection: Connection,
  take: (session: Session, ms: number) => boolean,
): boolean {
  const inside = connection as unknown as Inside;
  const protocol = inside._protocol;
  const handlers = protocol?._handlers;
  const before = handlers?.CHANNEL_REQUEST;
  if (
    !protocol?.channelSuccess ||
    !protocol.channelFailure ||
    !handlers ||
    typeof before !== "function" ||
    typeof inside._chanMgr?.get !== "function"
  ) {
    return false;
  }
  handlers.CHANNEL_REQUEST = (self, channel, type, wantReply, data) => {
    const session = inside._chanMgr?.get?.(channel);
    const farChannel = farChannelOf(session);
    if (farChannel === undefined || KNOWN.has(type)) {
      before(self, channel, type, wantReply, data);
      return;
    }
    // What nobody knows is refused where an answer is wanted: ssh2 gives none once a session has begun.
    const done = type === "break" && take(session as Session, lengthOf(data));
    if (!wantReply) return;
    if (done) protocol.channelSuccess?.(farChannel);
    else protocol.channelFailure?.(farChannel);
  };
  return true;
}

function farChannelOf(session: unknown): number | undefined {
  const info = (session as { _chanInfo?: { outgoing?: { id?: unknown } } } | null | undefined)
    ?._chanInfo;
  const id = info?.outgoing?.id;
  return typeof id === "number" ? id : undefined;
}

function lengthOf(data: unknown): number {
  return data instanceof Uint8Array && data.length >= 4
    ? Buffer.from(data.buffer, data.byteOffset, 4).readUInt32BE()
    : 0;
}
