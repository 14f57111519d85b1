import { timestamp, type Clock } from "@outrider/contracts/clock";
import { commandId, nodeId, type CommandId, type NodeId } from "@outrider/contracts/ids";
import {
  foldNodes,
  NodeSetError,
  parseNodeSet,
  resolveNodeSet,
} from "@outrider/contracts/node-set";
import {
  abortTransition,
  createTransition,
  getTransition,
  listTransitions,
  planTransition as planOperation,
  TASK_STATES,
  type ListTransitions,
  type TaskState,
  type Transition,
  type TransitionList,
  type TransitionPage,
  type TransitionPageRequest,
  type TransitionPlan,
  type TransitionRef,
  type TransitionRequest,
} from "@outrider/contracts/transition";
import type { Via } from "@outrider/contracts/power";
import { mintCommandId } from "@outrider/messaging/mint-id";
import { RequestError } from "@outrider/messaging/request-error";
import { OnRequest, type Asked } from "@outrider/service-kit/on-request";
import { isStorageError } from "@outrider/storage/storage-error";
import type { Nodes } from "../nodes.js";
import type { Order, TaskRecord } from "./task.js";
import { fitting, taskForm, transitionForm } from "./transition-form.js";
import { planTransition, type PlanView } from "./transition-plan.js";
import type { After, Stored, TransitionStore } from "./transition-store.js";
import type { TransitionTrail } from "./transition-trail.js";
import type { Transitions } from "./transitions.js";

/** What lists of an answer have room for beside the rest, in bytes. */
const LIST_BYTES = 44_000;
const DEFAULT_TASKS = 100;
const DEFAULT_TRANSITIONS = 50;
/** Who published where no broker of ours says so. */
const UNATTRIBUTED = "mqtt:unattributed";

/** Answers what is asked about transitions. Who asks, and whether they may, was checked by who sent the request. */
export class TransitionRequests {
  constructor(
    private readonly parts: {
      readonly transitions: Transitions;
      readonly store: TransitionStore;
      readonly trail: TransitionTrail;
      readonly nodes: Nodes;
      readonly clock: Clock;
      /** What is known now, for a plan by an actor. */
      readonly planView: (order: Order) => PlanView;
    },
  ) {}

  @OnRequest(createTransition)
  async create({ body, actor, via }: Asked<TransitionRequest>): Promise<Transition> {
    const { transitions, store, trail } = this.parts;
    const before = body.id && (await store.find(body.id));
    if (before) return this.#repeat(before, body, actor);
    const { order, nodes } = this.#ordered(body, actor, via);
    const tasks = nodes.map((node): TaskRecord => ({
      node,
      command: mintCommandId(),
      state: "Waiting",
    }));
    const head = { state: "InProgress", revision: 1 } as const;
    const records = trail.created(order, tasks.length);
    if (!(await this.#stored(() => store.create(order, head, tasks, records)))) {
      return this.#repeat(await this.#found(order.id), body, actor);
    }
    transitions.begin(order, head, tasks);
    return this.#told(order.id);
  }

  @OnRequest(planOperation)
  plan({ body, actor, via }: Asked<TransitionRequest>): TransitionPlan {
    const { order, nodes } = this.#ordered(body, actor, via);
    return planTransition(order, nodes, this.parts.planView(order));
  }

  @OnRequest(getTransition)
  async get({ body }: Asked<TransitionPageRequest>): Promise<TransitionPage> {
    const { store, transitions } = this.parts;
    const { id, limit = DEFAULT_TASKS } = body;
    const from = body.cursor === undefined ? 0 : readPosition(body.cursor);
    const states = body.states === undefined ? undefined : readStates(body.states);
    await transitions.recorded(id);
    const stored = await this.#found(id);
    const rows = await store.tasks(id, from, limit + 1, states);
    const fit = fitting(rows.slice(0, limit), LIST_BYTES);
    const following = rows[fit.length];
    return {
      transition: transitionForm(stored),
      tasks: fit.map(taskForm),
      ...(following ? { next: String(following.position) } : {}),
    };
  }

  @OnRequest(listTransitions)
  async list({ body }: Asked<ListTransitions>): Promise<TransitionList> {
    const { active = false, cursor, limit = DEFAULT_TRANSITIONS } = body;
    const after = cursor === undefined ? undefined : readAfter(cursor);
    const stored = await this.parts.store.list(limit + 1, after, active);
    const transitions = fitting(stored.slice(0, limit).map(transitionForm), LIST_BYTES);
    const last = transitions.at(-1);
    return {
      transitions,
      ...(last && stored.length > transitions.length ? { next: writeAfter(last) } : {}),
    };
  }

  /** Aborting what was aborted, or has ended, changes nothing. */
  @OnRequest(abortTransition)
  async abort({ body: { id }, actor, via }: Asked<TransitionRef>): Promise<Transition> {
    await this.#found(id);
    await this.parts.transitions.abort(id, actor, via);
    return this.#told(id);
  }

  /** @throws RequestError `invalid`, with everything that is wrong with the node set in one sentence */
  #ordered(
    body: TransitionRequest,
    actor: string,
    via: Via,
  ): { readonly order: Order; readonly nodes: readonly NodeId[] } {
    for (const field of ["override", "skipDrain"] as const) {
      if (body[field] && !body.reason?.trim()) {
        const detail = `${field} is kept with its reason; say why in \`reason\``;
        throw new RequestError("invalid", detail, { field: "reason" });
      }
    }
    if (actor === UNATTRIBUTED && (body.override || body.lock !== undefined)) {
      const detail =
        "who asks is not known on this broker, so neither locks nor overrides can be used";
      throw new RequestError("not-allowed", detail);
    }
    const nodes = this.#resolved(body.nodes);
    const { id = mintCommandId(), nodes: asked, ...wishes } = body;
    const order: Order = {
      ...wishes,
      id,
      asked,
      nodes: foldNodes(nodes),
      actor,
      via,
      createdAt: timestamp(this.parts.clock),
    };
    return { order, nodes };
  }

  #resolved(text: string): readonly NodeId[] {
    let ids: readonly string[];
    try {
      ids = resolveNodeSet(parseNodeSet(text), this.parts.nodes.universe());
    } catch (error) {
      if (!(error instanceof NodeSetError)) throw error;
      const detail =
        error.unknown.length === 0
          ? error.message
          : `the site has no ${foldNodes(error.unknown)}; nothing was begun. \`outrider get nodes\` lists what there is`;
      throw new RequestError("invalid", detail.slice(0, 8000), { field: "nodes", cause: error });
    }
    if (ids.length === 0) {
      const detail = "no node of the site is in this set, so there is nothing to do";
      throw new RequestError("invalid", detail, { field: "nodes" });
    }
    return ids.map((id) => nodeId(id));
  }

  /** The same request again is the same transition; another one under its id is a mistake. */
  #repeat(stored: Stored, body: TransitionRequest, actor: string): Promise<Transition> {
    const { order } = stored;
    const { nodes, ...wishes } = body;
    const isSame =
      order.actor === actor &&
      order.asked === nodes &&
      WISHES.every((wish) => order[wish] === wishes[wish]);
    if (!isSame) {
      const detail = `id ${order.id} was used for another transition at ${order.createdAt} by ${order.actor}; use a new one`;
      throw new RequestError("conflict", detail, { field: "id" });
    }
    return this.#told(order.id);
  }

  async #told(id: CommandId): Promise<Transition> {
    await this.parts.transitions.recorded(id);
    return transitionForm(await this.#found(id));
  }

  async #found(id: CommandId): Promise<Stored> {
    const stored = await this.parts.store.find(id);
    if (stored) return stored;
    const detail = `there is no transition ${id}; those that ended long ago are forgotten`;
    throw new RequestError("not-found", detail, { field: "id" });
  }

  async #stored<T>(write: () => Promise<T>): Promise<T> {
    try {
      return await write();
    } catch (error) {
      if (!isStorageError(error, "full", "io", "busy", "corrupt", "unreachable")) throw error;
      const detail = `the database of the power service could not be written (${error.code}), so nothing was begun; free disk space on its host`;
      throw new RequestError("storage-failed", detail, { cause: error });
    }
  }
}

const WISHES = [
  "action",
  "escalate",
  "expect",
  "parallel",
  "staggerMs",
  "deadlineMs",
  "reason",
  "lock",
  "override",
  "skipDrain",
] as const satisfies readonly (keyof TransitionRequest & keyof Order)[];

function readPosition(cursor: string): number {
  if (/^\d{1,9}$/.test(cursor)) return Number(cursor);
  throw badCursor();
}

function readAfter(cursor: string): After {
  const [createdAt, id, ...rest] = cursor.split(" ");
  if (createdAt && id && rest.length === 0) return { createdAt, id };
  throw badCursor();
}

function writeAfter({ createdAt, id }: Transition): string {
  return `${createdAt} ${commandId(id)}`;
}

function badCursor(): RequestError {
  const detail = "this cursor was not given by an answer; begin without one";
  return new RequestError("invalid", detail, { field: "cursor" });
}

function readStates(text: string): TaskState[] {
  return text.split(",").map((word) => {
    const state = TASK_STATES.find((one) => one === word.trim());
    if (state) return state;
    const detail = `expected some of ${TASK_STATES.join(", ")}, with commas between them`;
    throw new RequestError("invalid", detail, { field: "states" });
  });
}
