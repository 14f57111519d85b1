/** Numbers of the telnet protocol, by the documents that give them. */

/** Commands, each after an IAC (RFC 854, RFC 885, RFC 1184). */
export const COMMAND = {
  EOF: 236,
  SUSP: 237,
  ABORT: 238,
  EOR: 239,
  SE: 240,
  NOP: 241,
  DM: 242,
  BRK: 243,
  IP: 244,
  AO: 245,
  AYT: 246,
  EC: 247,
  EL: 248,
  GA: 249,
  SB: 250,
  WILL: 251,
  WONT: 252,
  DO: 253,
  DONT: 254,
  IAC: 255,
} as const;

export const OPTION = {
  /** RFC 856: eight bits, nothing translated. */
  BINARY: 0,
  /** RFC 857 */
  ECHO: 1,
  /** RFC 858: no go-ahead after each turn. */
  SUPPRESS_GO_AHEAD: 3,
  /** RFC 859 */
  STATUS: 5,
  /** RFC 860: answered in the order of the data, and no state. */
  TIMING_MARK: 6,
  /** RFC 1091 */
  TERMINAL_TYPE: 24,
  /** RFC 1073 */
  WINDOW_SIZE: 31,
  /** RFC 1184 */
  LINEMODE: 34,
  /** RFC 2217 */
  COM_PORT: 44,
} as const;

export type Verb = "will" | "wont" | "do" | "dont";

export const VERB_CODE: Readonly<Record<Verb, number>> = {
  will: COMMAND.WILL,
  wont: COMMAND.WONT,
  do: COMMAND.DO,
  dont: COMMAND.DONT,
};
