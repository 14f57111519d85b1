/** The header that says who asks (RFC 7617). */
export function basicAuthorization(
  username: string,
  password: string,
): Readonly<Record<string, string>> {
  const pair = Buffer.from(`${username}:${password}`, "utf8").toString("base64");
  return { authorization: `Basic ${pair}` };
}
