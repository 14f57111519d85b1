/**
 * Whether the first bytes of a connection come from a web browser: the begin of an HTTP request or of a TLS handshake.
 *
 * A page from anywhere can make the browser of somebody who may reach a port send a request of the page's choice to
 * it. At a port without sign-in that would be typed into the console (P13, P14), so such a connection is closed before
 * a byte of it is passed on. Nobody types `GET /` as the first bytes to a serial console in one piece.
 */
export function isFromBrowser(first: Uint8Array): boolean {
  if (first[0] === 0x16 && first[1] === 0x03) return true;
  const text = Buffer.from(first.subarray(0, 32)).toString("latin1");
  return /^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|TRACE|CONNECT|PRI) [/*A-Za-z]/.test(text);
}
