/** Ends the process by an uncaught exception: for defects that surface where nobody could catch them. */
export function crash(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
