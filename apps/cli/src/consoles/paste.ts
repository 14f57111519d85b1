/** Of one ask; the service types no more at once. */
const MAX_PART = 16_384;

/** A text in parts that are typed one after the other, cut after lines where that can be. */
export function pasteParts(text: string): string[] {
  const characters = [...text];
  const parts: string[] = [];
  for (let at = 0; at < characters.length;) {
    const most = characters.slice(at, at + MAX_PART);
    const isLast = at + MAX_PART >= characters.length;
    const line = isLast ? -1 : most.lastIndexOf("\n");
    const part = line < 0 ? most : most.slice(0, line + 1);
    parts.push(part.join(""));
    at += part.length;
  }
  return parts;
}
