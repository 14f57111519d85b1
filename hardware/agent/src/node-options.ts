/**
 * What Node is started with where an agent has a process of its own. Of what an agent makes little lives long, so that
 * a small nursery for objects is emptied often, in under a millisecond each time, and saves dozens of MiB. A heap that
 * may not become as large as the host allows grows by half of what lives and not by three times as much; what lives is
 * 25 MiB and a fifth of one for each node.
 * `--optimize-for-size` would save another ten and is left out: it stops everything for tens of milliseconds, often.
 */
export const AGENT_NODE_OPTIONS: readonly string[] = [
  "--max-semi-space-size=1",
  "--max-old-space-size=512",
];
