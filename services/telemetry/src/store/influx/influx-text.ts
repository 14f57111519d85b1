/**
 * Names and values in statements of InfluxQL. The client has functions for it, which leave backslashes as they are, so
 * that a name with one is another name, or ends too late.
 */
export function quotedName(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&").replaceAll("\n", "\\n")}"`;
}

export function quotedValue(text: string): string {
  return `'${text.replace(/['\\]/g, "\\$&").replaceAll("\n", "\\n")}'`;
}
