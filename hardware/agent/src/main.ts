import { EnvironmentError } from "@outrider/contracts/environment";
import { declareFailpoints } from "@outrider/storage/failpoint";
import { startAgent } from "./agent.js";
import { readAgentConfig } from "./config.js";
import { AGENT_FAILPOINTS } from "./failpoints.js";
import { createLog } from "./log.js";

/** sysexits(3): the configuration is wrong. Supervisors need not try again. */
const EX_CONFIG = 78;
/** sysexits(3): a defect of ours. The journal says what to do at the next start. */
const EX_SOFTWARE = 70;

declareFailpoints(AGENT_FAILPOINTS);

const log = createLog();
const defect = (error: unknown): void => {
  log.error({ err: error }, "a defect; the process ends so that nothing is done on wrong grounds");
  process.exit(EX_SOFTWARE);
};
process.on("uncaughtException", defect);
process.on("unhandledRejection", defect);

try {
  const config = readAgentConfig(process.env);
  const agent = await startAgent(config, { log, defect });
  let stopping: Promise<void> | undefined;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    // On, not once: an impatient second signal must not end a cycle in the middle.
    process.on(signal, () => {
      stopping ??= agent.stop().then(() => process.exit(0), defect);
    });
  }
  process.stdout.write(
    `${JSON.stringify({ ready: true, name: "agent", agent: config.id, pid: process.pid })}\n`,
  );
} catch (error) {
  if (error instanceof EnvironmentError) {
    process.stderr.write(`agent: ${error.problems.join("\nagent: ")}\n`);
    process.exit(EX_CONFIG);
  }
  log.error({ err: error }, error instanceof Error ? error.message : "could not start");
  process.exit(1);
}
