import { MAC_PATTERN, SERIAL_PATTERN } from "@outrider/contracts/site-file";

/** What a person would write into the site file to declare what was seen. */

export function agentSuggestion(agent: string): string {
  return `agents:\n  ${agent}: {}\n`;
}

/** The id is the person's to choose. What could not stand in a site file is left out. */
export function nodeSuggestion(serial: string | undefined, macs: readonly string[]): string {
  const own = macs.filter((mac) => MAC_PATTERN.test(mac)).slice(0, 16);
  const lines = [
    ...(serial !== undefined && SERIAL_PATTERN.test(serial) ? [`    serial: "${serial}"`] : []),
    ...(own.length > 0 ? [`    macs: [${own.map((mac) => `"${mac}"`).join(", ")}]`] : []),
  ];
  return ["nodes:", "  new-node:", ...lines, ""].join("\n");
}
