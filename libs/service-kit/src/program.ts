import { EnvironmentError } from "@outrider/contracts/environment";
import type { Log } from "@outrider/messaging/log";
import { createLog } from "./log.js";

/** sysexits(3): the configuration is wrong. Supervisors need not try again. */
const EX_CONFIG = 78;

/**
 * Runs one service as the process's program: says `{"ready":true}` on standard output once it serves, with its `url`
 * where people reach it by one and the `facts` that whoever started it needs, ends on SIGINT and SIGTERM, and ends with
 * a reason when it cannot start or go on.
 */
export async function runProgram(
  name: string,
  start: (
    log: Log,
    defect: (error: unknown) => void,
  ) => Promise<{
    stop(): Promise<void>;
    readonly url?: string;
    readonly facts?: Readonly<Record<string, unknown>>;
  }>,
): Promise<void> {
  const log = createLog(name);
  const defect = (error: unknown): void => {
    log.error(
      { err: error },
      "a defect; the process ends so that nothing is done on wrong grounds",
    );
    process.exit(70);
  };
  process.on("uncaughtException", defect);
  process.on("unhandledRejection", defect);
  try {
    const running = await start(log, defect);
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.once(signal, () => {
        running.stop().then(() => process.exit(0), defect);
      });
    }
    const { url, facts } = running;
    const said = {
      ...facts,
      ready: true,
      name,
      pid: process.pid,
      ...(url === undefined ? {} : { url }),
    };
    process.stdout.write(`${JSON.stringify(said)}\n`);
  } catch (error) {
    if (error instanceof EnvironmentError) {
      process.stderr.write(`${name}: ${error.problems.join(`\n${name}: `)}\n`);
      process.exit(EX_CONFIG);
    }
    log.error({ err: error }, error instanceof Error ? error.message : "could not start");
    process.exit(1);
  }
}

/** Says on standard output that this process waits for another one to end, as supervisors and tests read it. */
export function announceStandby(name: string): (who: string) => void {
  return (who) =>
    process.stdout.write(`${JSON.stringify({ standby: true, name, pid: process.pid, who })}\n`);
}
