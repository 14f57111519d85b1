import { startNode } from "@outrider/testing/child";
import type { Rest } from "../fleet/rest.js";

export interface Said {
  readonly code: number | null;
  readonly out: string;
  readonly error: string;
}

/** Runs `outrider …` as whoever asks at the gateway, where nobody can be asked anything. */
export async function outrider(rest: Rest, ...words: string[]): Promise<Said> {
  const child = await startNode(import.meta.resolve("@outrider/cli/main"), {
    args: words,
    env: { OUTRIDER_URL: rest.url, OUTRIDER_TOKEN: rest.token },
    ready: "none",
  });
  const { code } = await child.exited;
  return { code, out: child.lines.join("\n"), error: child.stderr() };
}
