import type { Console } from "./console.js";

/** Whether a person agrees. Where there is nobody to ask, nothing is done, and it is said how to mean it. */
export async function confirmed(what: string, console: Console): Promise<boolean> {
  const answer = await console.ask(`${what}. Type yes to go on: `);
  if (answer === undefined) {
    console.error(
      `outrider: ${what}: nobody can be asked here, so nothing was done; -y says that you mean it`,
    );
    return false;
  }
  if (answer.trim().toLowerCase() === "yes") return true;
  console.error("outrider: nothing was done");
  return false;
}
