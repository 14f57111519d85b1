import { nodeDescription, nodeStatus } from "@outrider/contracts/node";
import { powerState } from "@outrider/contracts/power";
import { milliseconds, systemClock } from "@outrider/contracts/clock";
import type { Session } from "@outrider/messaging/session";
import { isServing } from "./connection.js";
import type { Console } from "./console.js";
import { EXIT, type ExitCode } from "./exit-code.js";
import { nodesJson, nodeTable, type NodeView } from "./node-rows.js";

/** Retained documents come in one go: when none came for this long, all are there. */
const QUIET = milliseconds(250);
/** States of a busy site never stop coming. */
const MOST_QUIETS = 12;

/** `outrider get nodes` and `outrider power status`. No names: all nodes. */
export async function showNodes(
  session: Session,
  names: readonly string[],
  json: boolean,
  console: Console,
): Promise<ExitCode> {
  const found = await collect(session, names, console.interrupted);
  const unknown = names.filter((name) => !found.some(({ node }) => node === name));
  const now = systemClock.now();
  if (json) console.out(JSON.stringify(nodesJson(found, now), undefined, 2));
  else if (found.length > 0) console.out(nodeTable(found, now));
  for (const name of unknown) {
    console.error(`outrider: the site has no node ${name}; \`outrider get nodes\` lists them`);
  }
  if (found.length === 0 || unknown.length > 0) {
    for (const service of ["inventory", "power"] as const) {
      if (!(await isServing(session, service, console.interrupted))) {
        console.error(`outrider: the ${service} service is not there`);
        return EXIT.unreachable;
      }
    }
  }
  if (names.length === 0 && found.length === 0) console.error("outrider: the site has no nodes");
  if (unknown.length === 0) return EXIT.verified;
  return found.length > 0 ? EXIT.partial : EXIT.error;
}

async function collect(
  session: Session,
  names: readonly string[],
  signal: AbortSignal,
): Promise<NodeView[]> {
  const views = new Map<string, NodeView>();
  let heard = 0;
  const note = (node: string, part: Partial<NodeView>): void => {
    heard++;
    views.set(node, { node, ...views.get(node), ...part });
  };
  const subscriptions = (names.length > 0 ? names : [undefined]).flatMap((name) => {
    const filter = name === undefined ? {} : { node: name };
    return [
      session.subscribe(nodeDescription, filter, ({ parameters: { node }, payload }) =>
        note(node, { description: payload }),
      ),
      session.subscribe(nodeStatus, filter, ({ parameters: { node }, payload }) =>
        note(node, { status: payload }),
      ),
      session.subscribe(powerState, filter, ({ parameters: { node }, payload }) =>
        note(node, { power: payload }),
      ),
    ];
  });
  await Promise.all(subscriptions.map((one) => one.acknowledged(signal)));
  for (let quiets = 0, before = -1; quiets < MOST_QUIETS && before !== heard; quiets++) {
    before = heard;
    await systemClock.sleep(QUIET, signal);
  }
  const known = [...views.values()].filter(({ description }) => description !== undefined);
  return known.toSorted((a, b) => a.node.localeCompare(b.node, "en", { numeric: true }));
}
