import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { runProgram } from "@outrider/service-kit/program";
import { readGatewayConfig } from "./config.js";
import { startGateway } from "./start.js";

await runProgram("gateway", async (log, defect) => {
  const config = readGatewayConfig(process.env);
  const gateway = await startGateway(config, {
    log,
    defect,
    ...(config.demo ? { anonymous: "loopback-operator" as const } : {}),
  });
  const made = gateway.firstAdministrator;
  if (made) {
    // Into a file of its owner's alone: logs are read by more people than may administer a site.
    const file = join(config.dataDirectory, "secrets", `first-${made.name}`);
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await writeFile(file, `${made.password}\n`, { mode: 0o600 });
    log.warn(
      { name: made.name, file },
      "an administrator was made, with a one-time password in a file",
    );
  }
  return gateway;
});
