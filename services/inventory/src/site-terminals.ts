import type { ConsolePolicy } from "@outrider/contracts/console";
import type { SiteRole, SiteRoleTerminal, SiteTerminal } from "@outrider/contracts/site-file";
import { readDuration } from "./site-durations.js";
import { quoted, type Report, type SitePath } from "./site-problem.js";
import { readBytes } from "./site-sizes.js";

/** How a node's console is kept, shared and reached, with every default filled in. */
export type DeclaredTerminal = Readonly<Omit<ConsolePolicy, "agent" | "driver">>;

const DEFAULTS: DeclaredTerminal = {
  logMaxBytes: 256 * 2 ** 20,
  logMaxAgeMs: 90 * 86_400_000,
  writerIdleMs: 0,
  sessionIdleMs: 0,
  pasteLineMs: 0,
  pasteCharacterMs: 0,
  breakSequences: {},
};

/** Of a log that is smaller not even the last boot would be left. */
const LOG_BYTES = { least: 64 * 2 ** 10, most: 1e15 } as const;

/** `\b` a break, `\d` a quarter of a second, `\r`, `\n`, `\\`, `\xHH`, and characters that can be typed. */
const BREAK_SEQUENCE = /^(?:[^\\\p{Cc}]|\\[bdrn\\]|\\x[0-9A-Fa-f]{2})+$/u;

/** What is said of terminals at a node or a role; what is left out is not there. */
type Part = Partial<DeclaredTerminal>;

/** What roles say of their nodes' terminals, by role. */
export function readRoleTerminals(
  roles: Readonly<Record<string, SiteRole>> = {},
  report: Report,
): ReadonlyMap<string, Part> {
  return new Map(
    Object.entries(roles).map(([id, { terminal }]) => [
      id,
      readPart(terminal, ["roles", id, "terminal"], report),
    ]),
  );
}

/** What the node says, else the first of its roles that says it, else the default; names of breaks by and by. */
export function readTerminal(
  id: string,
  terminal: SiteTerminal | undefined,
  roles: readonly string[],
  ofRoles: ReadonlyMap<string, Part>,
  report: Report,
): DeclaredTerminal {
  const path = ["nodes", id, "terminal"];
  const own = readPart(terminal, path, report);
  const { telnet, raw, rfc2217 } = terminal ?? {};
  const parts = [...roles.map((role) => ofRoles.get(role) ?? {}).toReversed(), own];
  return {
    ...parts.reduce<DeclaredTerminal>((below, part) => ({ ...below, ...part }), DEFAULTS),
    breakSequences: Object.assign({}, ...parts.map((part) => part.breakSequences ?? {})) as Record<
      string,
      string
    >,
    ...(telnet === undefined ? {} : { telnetPort: telnet }),
    ...(raw === undefined ? {} : { rawPort: raw }),
    ...(rfc2217 === undefined ? {} : { rfc2217Port: rfc2217 }),
  };
}

function readPart(terminal: SiteRoleTerminal | undefined, path: SitePath, report: Report): Part {
  const { log, writerIdle, sessionIdle, paste, breaks } = terminal ?? {};
  const part: { -readonly [K in keyof Part]: Part[K] } = {};
  const inside = { log: [...path, "log"], paste: [...path, "paste"] };
  if (log?.maxBytes !== undefined)
    part.logMaxBytes = readLogBytes(log.maxBytes, inside.log, report);
  if (log?.maxAge !== undefined)
    part.logMaxAgeMs = readDuration("maxAge", log.maxAge, inside.log, report);
  if (writerIdle !== undefined)
    part.writerIdleMs = readDuration("writerIdle", writerIdle, path, report);
  if (sessionIdle !== undefined)
    part.sessionIdleMs = readDuration("sessionIdle", sessionIdle, path, report);
  if (paste?.line !== undefined)
    part.pasteLineMs = readDuration("line", paste.line, inside.paste, report);
  if (paste?.character !== undefined)
    part.pasteCharacterMs = readDuration("character", paste.character, inside.paste, report);
  if (breaks !== undefined) {
    breakSequencesAreReadable(breaks, [...path, "breaks"], report);
    part.breakSequences = { ...breaks };
  }
  return part;
}

function readLogBytes(text: string, path: SitePath, report: Report): number {
  const bytes = readBytes(text);
  if (bytes >= LOG_BYTES.least && bytes <= LOG_BYTES.most) return bytes;
  report([...path, "maxBytes"], `${quoted(text)} is out of bounds; expected 64KiB to 1PB`);
  return DEFAULTS.logMaxBytes;
}

function breakSequencesAreReadable(
  breaks: Readonly<Record<string, string>>,
  path: SitePath,
  report: Report,
): void {
  for (const [name, sequence] of Object.entries(breaks)) {
    if (BREAK_SEQUENCE.test(sequence)) continue;
    report(
      [...path, name],
      `${quoted(sequence)} is no break sequence; expected text with \\b (break), \\d (a quarter of a second), ` +
        "\\r, \\n, \\\\ and \\xHH, in single quotes",
    );
  }
}
