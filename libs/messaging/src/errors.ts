/** Why messaging failed, and what whoever called should do. The list is closed. */
export const MESSAGING_ERRORS = {
  disconnected:
    "There is no connection, or it broke before the broker answered. Nothing is queued; whether a message that was under way arrived is not known. Decide again once connected.",
  "refused-by-broker":
    "The broker answered with a refusal that is not about permission: quota, packet size, server busy, another client holds the identity. Read the reason; trying again unchanged may not help.",
  "not-authorized":
    "The broker knows no such credentials, or does not let this identity do that. Check user name, secret and the writer column of the contract; trying again does not help.",
  "timed-out":
    "No answer came before the deadline. What became of the request is not known; ask for the state or repeat it with the same id.",
  protocol:
    "The other side broke MQTT or a contract. A defect, or something that is no broker; the message has the details.",
} as const;

export type MessagingErrorCode = keyof typeof MESSAGING_ERRORS;

/** A failure of the connection or of the broker, never of the caller's arguments. */
export class MessagingError extends Error {
  override readonly name = "MessagingError";
  readonly code: MessagingErrorCode;

  constructor(code: MessagingErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** MQTT 5 and 3.1.1 reason codes that mean "you may not", as opposed to "not now" or "not like this". */
const NOT_AUTHORIZED = new Set([4, 5, 0x86, 0x87, 0x8a, 0x8c]);

/** The error for a reason code of the broker (§2.4 of MQTT 5, §3.2.2.3 of 3.1.1). */
export function brokerRefusal(
  what: string,
  reasonCode: number,
  cause?: unknown,
  reasonString?: string,
): MessagingError {
  const code = NOT_AUTHORIZED.has(reasonCode) ? "not-authorized" : "refused-by-broker";
  const said = reasonString ?? (cause instanceof Error ? cause.message : "no reason given");
  return new MessagingError(
    code,
    `the broker refused ${what} with 0x${reasonCode.toString(16).padStart(2, "0")}: ${said}`,
    { cause },
  );
}
