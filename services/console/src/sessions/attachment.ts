import type { AttachMode, ConsoleAsk, ConsoleTold } from "@outrider/contracts/console-attach";
import type { ConsoleWay } from "@outrider/contracts/console";
import type { WireLines, WireSettings } from "@outrider/console-link/console-stream";
import type { NodeId } from "@outrider/contracts/ids";
import type { Action, Via } from "@outrider/contracts/power";
import type { Subject } from "@outrider/identity/subject";

/** What a way in is to the console service: it brings somebody, takes bytes for them, and hands on what they type. */

/** Who comes, once that was checked, and how. */
export interface Visitor {
  /** `person:ada`; for ways without sign-in `address:10.0.0.7`. */
  readonly actor: string;
  /** What they may do is asked of it at attach and again at each act, so that a right taken away counts at once. */
  readonly subject: () => Subject | undefined;
  readonly way: ConsoleWay;
  /** The address they come from. */
  readonly from?: string | undefined;
  /** How audit logs name the way; missing: as follows from `way`. */
  readonly via?: Via | undefined;
}

/** Takes what a console says, for one person. Called in order; must not throw. */
export interface Viewer {
  /** Bytes of the console, those of a replay included. @returns whether more may come at once */
  bytes(chunk: Uint8Array): boolean;
  /** Calls back when more may come after `bytes` has returned false. */
  onDrain(callback: () => void): void;
  told(told: ConsoleTold): void;
  /** The far end's lines and settings; only RFC 2217 cares. */
  modem?(lines: WireLines): void;
  line?(settings: WireSettings): void;
  /** The far end sent a break. */
  broke?(): void;
}

export interface AttachOptions {
  readonly mode: AttachMode;
  /** Fits REPLAY_PATTERN. */
  readonly replay: string;
  /**
   * Exact bytes instead of what is safe to show to a terminal. For programs that are no terminals. The past is shown
   * exactly only with mode `spy`: to one who types it comes without what a terminal would answer.
   */
  readonly raw?: boolean | undefined;
}

/** Somebody's place at a console. */
export interface Attachment {
  readonly session: string;
  readonly node: NodeId;
  readonly writes: boolean;
  /** Who types now; `never-you`: they may not, whoever does. */
  readonly whoTypes: "you" | "nobody" | "somebody" | "never-you";
  /** Whether nobody types, so that whoever asks may. */
  readonly isFree: boolean;
  /** What they type; ignored, once said, while they do not write. Resolves when more may be typed. */
  input(bytes: Uint8Array): Promise<void>;
  /** Does what was asked and answers `done` or `refused`; never throws for what a person can get wrong. */
  ask(ask: ConsoleAsk): Promise<ConsoleTold>;
  /** Sets this end's lines or the wire's settings, for RFC 2217; refused unless they write. */
  control(lines: { readonly dtr?: boolean; readonly rts?: boolean }): Promise<ConsoleTold>;
  /** A break that lasts until it is switched off, for RFC 2217. */
  holdBreak(on: boolean): Promise<ConsoleTold>;
  purge(what: "receive" | "transmit" | "both"): Promise<ConsoleTold>;
  /**
   * The log of this console as a file, as the listener's `/log` has it: `from until lines boot format follow`.
   * @throws QueryError
   */
  readLog(query: URLSearchParams, signal: AbortSignal): AsyncIterable<Buffer>;
  /** How the console is reached and how it fares, a line each, for a person. */
  readonly about: readonly string[];
  readonly line: WireSettings | undefined;
  readonly modem: WireLines | undefined;
  /** Names of the break sequences that the site declares. */
  readonly breakNames: readonly string[];
  /** What `power` can be asked for. */
  readonly actions: readonly Action[];
  detach(reason?: string): void;
}

/** Why nobody could be let in. */
export class AttachRefused extends Error {
  override readonly name = "AttachRefused";
  constructor(
    readonly code: "not-found" | "not-allowed" | "no-console" | "too-many" | "stopping",
    message: string,
  ) {
    super(message);
  }
}

/** The consoles that there are. */
export interface ConsoleDoor {
  /** Lets somebody in, or says why not. `bye` is told when it ends from this side. @throws AttachRefused */
  attach(
    node: string,
    visitor: Visitor,
    options: AttachOptions,
    viewer: Viewer,
  ): Promise<Attachment>;
  /**
   * Does one thing for somebody who is not attached, in the place of whoever types, who types again afterwards. Answers
   * as {@link Attachment.ask} does.
   * @param take whether also while somebody types
   * @throws AttachRefused
   */
  act(node: string, visitor: Visitor, ask: ConsoleAsk, take: boolean): Promise<ConsoleTold>;
  /** Whether the site declares such a console, and, where a visitor is named, they may look on there. */
  has(node: string, visitor?: Visitor): boolean;
  /** Consoles that somebody may see, in order, for a menu. */
  visibleTo(
    visitor: Visitor,
  ): readonly { readonly node: NodeId; readonly name: string; readonly summary: string }[];
}
