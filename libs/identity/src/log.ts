/** What is needed of a logger: fields first, then one constant sentence. */
export interface Log {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

const nothing = (): void => {};

/** Says nothing. The default where no log is given. */
export const silentLog: Log = { info: nothing, error: nothing };
