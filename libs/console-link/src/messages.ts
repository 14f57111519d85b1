import {
  isAgentId,
  isEndpointId,
  isNodeId,
  type AgentId,
  type EndpointId,
  type NodeId,
} from "@outrider/contracts/ids";
import {
  CONSOLE_ABILITIES,
  type ConsoleAbility,
  type ConsoleCondition,
  type ConsoleRequest,
  type DeviceClosing,
  type WireLines,
  type WireSettings,
} from "./console-stream.js";
import { ProtocolError } from "./frame.js";
import { LINK_ERROR_CODES, type LinkErrorCode } from "./link-error.js";

/** The JSON of control frames, checked by hand: unknown fields are ignored, wrong ones end the connection. */

type Fields = Readonly<Record<string, unknown>>;

export interface Hello {
  /** Highest version that the agent speaks. */
  readonly version: number;
  readonly agent: AgentId;
  readonly secret: string;
}

export interface Announcement {
  readonly console: number;
  readonly endpoint: EndpointId;
  readonly node: NodeId;
  readonly driver: string;
  readonly stream: string;
  readonly first: number;
  readonly next: number;
  readonly began: number;
  readonly condition: ConsoleCondition;
}

/** Why an agent was not let in. `credentials`: name or secret are wrong. `busy`: too many knock. `version`: too old. */
export const REFUSALS = ["credentials", "busy", "version"] as const;
export type Refusal = (typeof REFUSALS)[number];

export function readHello(fields: Fields): Hello {
  const { link, version, agent, secret } = fields;
  if (link !== "outrider-console") throw new ProtocolError("not a console link");
  if (typeof agent !== "string" || !agent.startsWith("agent:") || !isAgentId(agent.slice(6))) {
    throw new ProtocolError("a hello names no agent");
  }
  return {
    version: whole(version, "version", 255),
    agent: agent.slice(6) as AgentId,
    secret: words(secret, "secret", 512),
  };
}

/** @returns the highest version that the service speaks; services of version 1 name the common one only */
export function readWelcome({ version, speaks = version ?? 1 }: Fields): number {
  return whole(speaks, "speaks", 255);
}

export function readAnnouncement(fields: Fields): Announcement {
  const { endpoint, node, driver, stream } = fields;
  if (typeof endpoint !== "string" || !isEndpointId(endpoint))
    throw new ProtocolError("an announcement names no endpoint");
  if (typeof node !== "string" || !isNodeId(node) || endpoint !== `${node}.console`)
    throw new ProtocolError("an announcement is of no console");
  return {
    console: whole(fields["console"], "console", 0xffff_ffff),
    endpoint,
    node,
    driver: words(driver, "driver", 64),
    stream: words(stream, "stream", 64),
    first: whole(fields["first"], "first"),
    next: whole(fields["next"], "next"),
    began: whole(fields["began"], "began"),
    condition: readCondition(fields["condition"]),
  };
}

export function readCondition(value: unknown): ConsoleCondition {
  const { up, detail, abilities, device, line, declaredLine, closed, modem, spoolProblem } = object(
    value,
    "condition",
  );
  return {
    up: up === true,
    detail: optionalWords(detail),
    abilities: Array.isArray(abilities)
      ? CONSOLE_ABILITIES.filter((one: ConsoleAbility) => abilities.includes(one))
      : [],
    device: optionalWords(device),
    line: line === undefined ? undefined : readSettings(line),
    declaredLine: declaredLine === undefined ? undefined : readSettings(declaredLine),
    closed: closed === undefined ? undefined : readClosing(closed),
    modem: modem === undefined ? undefined : readLines(modem),
    spoolProblem: optionalWords(spoolProblem),
  };
}

export function readRequest(value: unknown): ConsoleRequest {
  const { kind, ms, dtr, rts, line, settings, what, actor, reason } = object(value, "request");
  switch (kind) {
    case "break":
      return { kind, ms: whole(ms, "ms", 60_000) };
    case "control":
      return {
        kind,
        ...(typeof dtr === "boolean" ? { dtr } : {}),
        ...(typeof rts === "boolean" ? { rts } : {}),
      };
    case "pulse":
      return { kind, line: oneOf(line, ["dtr", "rts"], "line"), ms: whole(ms, "ms", 60_000) };
    case "rest":
      return { kind };
    case "line":
      return { kind, settings: readSettings(settings) };
    case "purge":
      return { kind, what: oneOf(what, ["receive", "transmit", "both"], "what") };
    case "close":
      return {
        kind,
        ms: whole(ms, "ms", 86_400_000),
        actor: words(actor, "actor", 200),
        reason: optionalWords(reason),
      };
    case "open":
      return { kind };
    default:
      throw new UnknownRequest("the agent is too old for this request; bring it up to date");
  }
}

/** A request of a newer service: answered, and no reason to end the connection. */
export class UnknownRequest extends Error {
  override readonly name = "UnknownRequest";
}

export function readFailure(fields: Fields): { code: LinkErrorCode; message: string } {
  const code = LINK_ERROR_CODES.find((one) => one === fields["code"]) ?? "failed";
  return { code, message: words(fields["message"], "message", 1000) };
}

export function readRefusal(fields: Fields): { code: Refusal; message: string } {
  const code = REFUSALS.find((one) => one === fields["code"]) ?? "busy";
  return { code, message: words(fields["message"], "message", 1000) };
}

/** Why the other end goes. `superseded`: a newer connection of the same agent took its place. */
export interface Bye {
  readonly reason: string;
  readonly superseded: boolean;
}

export function readBye(fields: Fields): Bye {
  return {
    reason: words(fields["reason"], "reason", 500),
    superseded: fields["superseded"] === true,
  };
}

function readClosing(value: unknown): DeviceClosing {
  const { actor, until, reason } = object(value, "closed");
  const at = Date.parse(words(until, "until", 40));
  if (Number.isNaN(at)) throw new ProtocolError("until is no time");
  return {
    actor: words(actor, "actor", 200),
    until: new Date(at).toISOString(),
    reason: optionalWords(reason),
  };
}

function readSettings(value: unknown): WireSettings {
  const { baudRate, dataBits, parity, stopBits, flowControl } = object(value, "settings");
  return {
    baudRate: whole(baudRate, "baudRate", 100_000_000),
    dataBits: oneOf(dataBits, [5, 6, 7, 8], "dataBits"),
    parity: oneOf(parity, ["none", "odd", "even", "mark", "space"], "parity"),
    stopBits: oneOf(stopBits, [1, 1.5, 2], "stopBits"),
    flowControl: oneOf(flowControl, ["none", "rts-cts", "xon-xoff"], "flowControl"),
  };
}

function readLines(value: unknown): WireLines {
  const { cts, dsr, ri, dcd } = object(value, "modem");
  return { cts: cts === true, dsr: dsr === true, ri: ri === true, dcd: dcd === true };
}

export function whole(value: unknown, name: string, max = Number.MAX_SAFE_INTEGER): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value <= max)
    return value;
  throw new ProtocolError(`${name} is not a number that it can be`);
}

function words(value: unknown, name: string, maxLength: number): string {
  if (typeof value === "string" && value.length <= maxLength) return value;
  throw new ProtocolError(`${name} is not a text that it can be`);
}

function optionalWords(value: unknown): string | undefined {
  return typeof value === "string" ? value.slice(0, 500) : undefined;
}

function oneOf<const T>(value: unknown, allowed: readonly T[], name: string): T {
  const found = allowed.find((one) => one === value);
  if (found === undefined) throw new ProtocolError(`${name} is none of ${allowed.join(", ")}`);
  return found;
}

function object(value: unknown, name: string): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
  throw new ProtocolError(`${name} is no object`);
}
