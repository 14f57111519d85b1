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
  /** Aborted by Ctrl-C. */
  readonly interrupted: AbortSignal;
}
