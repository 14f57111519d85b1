/** Longest that a request waits for an end, in seconds. */
export const MAX_WAIT_SECONDS = 60;

/** How long a client prefers to wait, in seconds (RFC 7240, `wait`); 0 when it does not. What cannot be read is ignored, as a preference is. */
export function waitSeconds(header: string | undefined): number {
  const text = /(?:^|[,;])\s*wait\s*=\s*"?(\d{1,6})"?\s*(?:$|[,;])/i.exec(header ?? "")?.[1];
  return Math.min(Number(text ?? 0), MAX_WAIT_SECONDS);
}
