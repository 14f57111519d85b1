import { isName } from "@outrider/identity/names";

/**
 * What the user name of an SSH connection asks for. Outrider's people have names without `:` and `+`, so that a name
 * with one of them says person and console; any other is a console, a person, or nothing known, which is decided once
 * it is known who has come. Nothing here is looked up, so that nothing can be learnt by trying names.
 */
export type AskedUser =
  | { readonly kind: "both"; readonly person: string; readonly node: string }
  | { readonly kind: "one"; readonly name: string };

const MAX_CHARACTERS = 160;

/** Undefined when it is no name of any of these forms; it must not be logged then. */
export function readUserName(text: string): AskedUser | undefined {
  if (text.length > MAX_CHARACTERS) return undefined;
  const at = text.search(/[:+]/);
  if (at < 0) return isName("person", text) ? { kind: "one", name: text } : undefined;
  const person = text.slice(0, at);
  const node = text.slice(at + 1);
  if (!isName("person", person) || !(node === "" || /^[A-Za-z0-9._@-]{1,64}$/.test(node))) {
    return undefined;
  }
  return { kind: "both", person, node };
}
