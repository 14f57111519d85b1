/** One step of a named break sequence. */
export type BreakStep =
  | { readonly kind: "break" }
  | { readonly kind: "pause"; readonly ms: number }
  | { readonly kind: "text"; readonly bytes: Buffer };

/** How long the line is held in a break when nobody says otherwise, in milliseconds: what conserver and Linux take. */
export const BREAK_MS = 250;
/** What `\d` stands for, in milliseconds. */
const PAUSE_MS = 250;

/**
 * Reads a break sequence as sites declare them: `\b` a break, `\d` a quarter of a second, `\r`, `\n`, `\\`, `\xHH`;
 * anything else is typed as it stands. Pure.
 * @throws SyntaxError with what was expected, for a person
 */
export function readBreakSequence(text: string): BreakStep[] {
  const steps: BreakStep[] = [];
  let typed: number[] = [];
  const flush = (): void => {
    if (typed.length > 0) steps.push({ kind: "text", bytes: Buffer.from(typed) });
    typed = [];
  };
  for (let at = 0; at < text.length; at += 1) {
    const one = text.charAt(at);
    if (one !== "\\") {
      typed.push(...Buffer.from(one));
      continue;
    }
    at += 1;
    switch (text.charAt(at)) {
      case "b":
        flush();
        steps.push({ kind: "break" });
        break;
      case "d":
        flush();
        steps.push({ kind: "pause", ms: PAUSE_MS });
        break;
      case "r":
        typed.push(0x0d);
        break;
      case "n":
        typed.push(0x0a);
        break;
      case "\\":
        typed.push(0x5c);
        break;
      case "x": {
        const digits = text.slice(at + 1, at + 3);
        if (!/^[\da-f]{2}$/i.test(digits)) throw new SyntaxError("after \\x stand two hex digits");
        typed.push(Number.parseInt(digits, 16));
        at += 2;
        break;
      }
      default:
        throw new SyntaxError("after \\ stands one of b d r n x or another \\");
    }
  }
  flush();
  return steps;
}
