/** C0 and C1 controls, and what turns the direction of text. */
const UNSEEMLY = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]+/gu;

/** A text by a person or a device as it may stand in a sentence that others are shown (P13). */
export function seemly(text: string, longest = 500): string {
  const clean = text.replace(UNSEEMLY, " ").trim();
  return clean.length <= longest ? clean : `${clean.slice(0, longest - 1).toWellFormed()}…`;
}
