import type { Readable, Writable } from "node:stream";

/** Where bytes come from and go to as they are. */
export interface ByteTerminal {
  readonly input: Readable;
  readonly output: Writable;
  readonly inputIsTerminal: boolean;
  readonly outputIsTerminal: boolean;
  /**
   * Has each key handed over as it is pressed, Ctrl-C too, until it is disposed; a signal and a crash undo it as well.
   * Does nothing where input is no terminal.
   */
  readonly keys: () => Disposable;
}

/** Where the program writes, and what interrupts it. Tests hand in their own. */
export interface Console {
  readonly out: (line: string) => void;
  readonly error: (line: string) => void;
  /** Shows a line that takes the place of the one before; only where a person watches. */
  readonly progress: (line: string) => void;
  /** Whether a person watches standard error. */
  readonly isTerminal: boolean;
  /** Asks a person. Undefined: there is nobody to ask. @param hidden whether what is typed is not shown */
  readonly ask: (question: string, hidden?: boolean) => Promise<string | undefined>;
  /** Everything on standard input. */
  readonly input: () => Promise<string>;
  readonly bytes: ByteTerminal;
  /** Aborted by Ctrl-C. */
  readonly interrupted: AbortSignal;
}
