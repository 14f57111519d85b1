/** For `catch`: a value where a file is not there, and the error where it is something else. */
export const whenMissing =
  <T>(value: T) =>
  (cause: unknown): T => {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return value;
    throw cause;
  };
