import { HttpProblem } from "../http/problem.js";
import type { Mirror } from "../mirror/mirror.js";
import { selectNodes } from "../mirror/select.js";
import type { Subject } from "@outrider/identity/subject";
import { mayHear } from "../people/scope.js";
import { isVisibleTo } from "@outrider/identity/subject";
import type { Happening } from "./happenings.js";

/** What someone who looks on wants to be told of. */
export interface LiveWish {
  /** Node set; undefined: all nodes. */
  readonly nodes?: string | undefined;
  /** Kinds, separated by commas; undefined: all. */
  readonly kinds?: string | undefined;
}

/** Decides what one client is told of. */
export class LiveFilter {
  readonly #kinds: ReadonlySet<string> | undefined;
  #nodes: ReadonlySet<string> | undefined;
  #outdated = true;

  /** @throws HttpProblem 422 */
  constructor(
    private readonly wish: LiveWish,
    private readonly subject: Subject,
    private readonly mirror: Mirror,
  ) {
    this.#kinds = wish.kinds === undefined ? undefined : new Set(readKinds(wish.kinds));
    this.#members();
  }

  /** A node has come, gone, or changed its roles or labels: the node set is read anew when next asked for. */
  outdate(): void {
    this.#outdated = true;
  }

  kind(kind: string): boolean {
    return this.#kinds?.has(kind) ?? true;
  }

  node(id: string): boolean {
    return isVisibleTo(this.subject, id) && (this.#members()?.has(id) ?? true);
  }

  /** Whether it may be said that a node has gone. */
  gone(id: string): boolean {
    return isVisibleTo(this.subject, id);
  }

  /** Whether what is of no node is told: neither to who is bound to some nodes, nor to who asked for some only. */
  site(): boolean {
    return this.subject.nodes === undefined && this.wish.nodes === undefined;
  }

  happening(happening: Happening): boolean {
    const { kind, node } = happening;
    if (!this.kind(kind)) return false;
    return node === undefined ? mayHear(this.subject, happening) : this.node(node);
  }

  #members(): ReadonlySet<string> | undefined {
    const { nodes } = this.wish;
    if (this.#outdated && nodes !== undefined) this.#nodes = this.#read(nodes);
    this.#outdated = false;
    return this.#nodes;
  }

  /** A node that was named and has gone since is no reason to stop telling of the others. */
  #read(nodes: string): ReadonlySet<string> {
    try {
      return new Set(selectNodes(nodes, this.mirror, this.subject));
    } catch (error) {
      if (!(error instanceof HttpProblem) || !this.#nodes) throw error;
      return this.#nodes;
    }
  }
}

function readKinds(text: string): string[] {
  const kinds = text.split(",").map((one) => one.trim());
  if (kinds.every((one) => /^[a-z][a-z-]{0,40}$/.test(one))) return kinds;
  throw new HttpProblem("invalid", "kinds must be words separated by commas: node,result,lock", {
    field: "kinds",
  });
}
