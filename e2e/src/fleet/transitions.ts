import type { Transition, TransitionPage, TransitionTask } from "@outrider/contracts/transition";
import { eventually } from "@outrider/testing/eventually";
import { RestError, type Rest } from "./rest.js";

/** What a person asks for many nodes. */
export type Asked = Readonly<Record<string, unknown>> & {
  readonly action: string;
  readonly nodes: string;
};

export function begin(rest: Rest, asked: Asked): Promise<Transition> {
  return rest.post<Transition>("/power", asked);
}

/** A transition as it stands. Undefined while nobody answers: a service may be just starting again. */
export async function look(rest: Rest, id: string): Promise<Transition | undefined> {
  try {
    const page = await rest.get<TransitionPage>(`/transitions/${id}?limit=1`);
    return page.transition;
  } catch (error) {
    if (error instanceof RestError && error.status < 500) throw error;
    return undefined;
  }
}

/** Waits until a transition has ended, whatever has to be started again in between. */
export async function ended(rest: Rest, id: string, withinMs = 240_000): Promise<Transition> {
  let seen: Transition | undefined;
  await eventually(
    `transition ${id} ends`,
    async () => {
      seen = (await look(rest, id)) ?? seen;
      if (seen?.state === "Completed" || seen?.state === "Aborted") return true;
      throw new Error(`it is ${JSON.stringify(seen)}`);
    },
    { withinMs },
  );
  if (!seen) throw new Error("a transition that has ended was seen");
  return seen;
}

/** Waits until so many tasks have ended, so that a fault falls into the middle. */
export async function halfWay(rest: Rest, id: string, count: number): Promise<void> {
  await eventually(
    `${count} tasks of ${id} have ended`,
    async () => {
      const now = await look(rest, id);
      if (!now) return false;
      const { waiting, running } = now.counts;
      return now.total - waiting - running >= count;
    },
    { withinMs: 120_000 },
  );
}

/** All tasks, page by page. */
export async function tasksOf(rest: Rest, id: string): Promise<TransitionTask[]> {
  const tasks: TransitionTask[] = [];
  let cursor: string | undefined;
  do {
    const query = cursor === undefined ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const page = await rest.get<TransitionPage>(`/transitions/${id}?limit=200${query}`);
    tasks.push(...page.tasks);
    cursor = page.next;
  } while (cursor !== undefined);
  return tasks;
}
