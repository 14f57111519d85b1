/** Where the program writes, and what interrupts it. Tests hand in their own. */
export interface Console {
  readonly out: (line: string) => void;
  readonly error: (line: string) => void;
  /** Whether a person watches standard error. */
  readonly isTerminal: boolean;
  /** Aborted by Ctrl-C. */
  readonly interrupted: AbortSignal;
}
