import type { ConsolePolicies } from "@outrider/contracts/console";
import { nodeId, type NodeId } from "@outrider/contracts/ids";

/** A way in to one node, as the site declares it. */
export interface DeclaredPort {
  readonly way: "telnet" | "raw" | "rfc2217";
  readonly node: NodeId;
  readonly port: number;
}

/** One for each port that is opened. */
export const keyOf = ({ way, node, port }: DeclaredPort): string => `${way} ${node} ${port}`;

/** All ports of a site, in the order of the nodes' names. */
export function declaredIn({ nodes }: ConsolePolicies): DeclaredPort[] {
  return Object.entries(nodes)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, { telnetPort, rawPort, rfc2217Port }]) => {
      const node = nodeId(name);
      return [
        ...(telnetPort === undefined ? [] : [{ way: "telnet", node, port: telnetPort } as const]),
        ...(rawPort === undefined ? [] : [{ way: "raw", node, port: rawPort } as const]),
        ...(rfc2217Port === undefined
          ? []
          : [{ way: "rfc2217", node, port: rfc2217Port } as const]),
      ];
    });
}

/** One way in for each port: who has it keeps it, else the first by name has it, and the others are told. */
export function withoutClashes(
  declared: readonly DeclaredPort[],
  open: readonly DeclaredPort[],
): {
  readonly wanted: readonly DeclaredPort[];
  readonly clashes: readonly { readonly declared: DeclaredPort; readonly detail: string }[];
} {
  const opened = new Set(open.map(keyOf));
  const holders = new Map<number, DeclaredPort>();
  for (const one of declared) {
    const holder = holders.get(one.port);
    if (!holder || (opened.has(keyOf(one)) && !opened.has(keyOf(holder))))
      holders.set(one.port, one);
  }
  const wanted: DeclaredPort[] = [];
  const clashes: { declared: DeclaredPort; detail: string }[] = [];
  for (const one of declared) {
    const holder = holders.get(one.port) ?? one;
    if (holder === one) wanted.push(one);
    else {
      const detail = `port ${one.port} is declared for ${holder.node} (${holder.way}) too; declare another in the site file`;
      clashes.push({ declared: one, detail });
    }
  }
  return { wanted, clashes };
}
