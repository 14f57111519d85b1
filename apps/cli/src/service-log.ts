/** Where a service writes what it does, for whoever is told to look: one unit runs them all. */
export function logOf(service: string): string {
  return `the log of ${service} (\`journalctl -u outrider\`, program ${service}; or where it was started)`;
}
