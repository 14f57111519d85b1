/** A node set that cannot be read, or names what is not there. */
export class NodeSetError extends Error {
  override readonly name = "NodeSetError";
  /** Where in the text, from 1. */
  readonly column: number;
  readonly expected: string;
  /** Nodes that were named and are not there. */
  readonly unknown: readonly string[];

  constructor(column: number, expected: string, message?: string, unknown: readonly string[] = []) {
    super(message ?? `node set, column ${column}: expected ${expected}`);
    this.column = column;
    this.expected = expected;
    this.unknown = unknown;
  }
}
