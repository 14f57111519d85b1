import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { listening } from "@outrider/testing/broker";
import { startProgram, type Child } from "@outrider/testing/child";
import { freePort } from "@outrider/testing/free-port";
import { findProgram } from "@outrider/testing/peers";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";

const run = promisify(execFile);

/** Somebody else's power control, on the slots of a rack. */
export interface PowerPeer extends AsyncDisposable {
  readonly name: string;
  /** Asks for all slots at once. Resolves when the peer says that it is done, which may be long before it is. */
  all(on: boolean): Promise<void>;
}

/**
 * powerman (Debian) with `httppower`, one device for the whole rack, written as `/etc/powerman/dli.dev` is: it switches
 * and reads every plug back.
 * @param rackUrl `http://127.0.0.1:port`
 * @returns undefined where it is not installed
 */
export async function startPowerman(
  rackUrl: string,
  slots: number,
): Promise<PowerPeer | undefined> {
  const daemon = findProgram("powermand");
  const client = findProgram("powerman");
  const helper = findProgram("httppower");
  if (!daemon || !client || !helper) return undefined;
  const folder = await tempDir("pm-");
  const port = await freePort();
  const config = join(folder.path, "powerman.conf");
  await writeFile(config, powermanConfig({ port, helper, rackUrl, slots }));
  const child = await listening(
    port,
    await startProgram(daemon, { args: ["-f", "-c", config], ready: "none" }),
  );
  const at = ["-h", `127.0.0.1:${port}`];
  return {
    name: "powerman",
    all: async (on) => {
      await run(client, [...at, on ? "--on" : "--off", `n[1-${slots}]`]);
    },
    [Symbol.asyncDispose]: () => end(child, folder),
  };
}

function powermanConfig(parts: {
  readonly port: number;
  readonly helper: string;
  readonly rackUrl: string;
  readonly slots: number;
}): string {
  const { port, helper, rackUrl, slots } = parts;
  const plugs = Array.from({ length: slots }, (_, at) => `"${at + 1}"`).join(" ");
  const put = (on: boolean): string =>
    `send "put slots/%s/supply {\\"on\\":${on}}\\n"
    expect "supply\\":\\"${on ? "on" : "off"}\\"[^}]*}"
    expect "httppower> "`;
  return `listen "127.0.0.1:${port}"
specification "rack" {
  timeout 60
  plug name { ${plugs} }
  script login { expect "httppower> " }
  script logout { send "quit\\n" }
  script status {
    send "get slots/%s\\n"
    expect "supply\\":\\"(on|off)\\"[^}]*}"
    setplugstate $1 on="on" off="off"
    expect "httppower> "
  }
  script on {
    ${put(true)}
  }
  script off {
    ${put(false)}
  }
}
device "rack" "rack" "${helper} -u ${rackUrl} -H Content-Type:application/json |&"
node "n[1-${slots}]" "rack" "[1-${slots}]"
`;
}

/**
 * PDUDaemon (Debian) with its `localcmdline` driver and curl, one PDU for the whole rack. It answers before it acts and
 * reads nothing back.
 */
export async function startPduDaemon(
  rackUrl: string,
  slots: number,
): Promise<PowerPeer | undefined> {
  const daemon = findProgram("pdudaemon");
  const curl = findProgram("curl");
  if (!daemon || !curl) return undefined;
  const folder = await tempDir("pdu-");
  const port = await freePort();
  const config = join(folder.path, "pdudaemon.conf");
  const command = (on: boolean): string =>
    `${curl} -s -o /dev/null -X PUT -d '{"on":${on}}' ${rackUrl}/slots/%s/supply`;
  await writeFile(
    config,
    JSON.stringify({
      daemon: { hostname: "127.0.0.1", port, logging_level: "ERROR", listener: "http" },
      pdus: { rack: { driver: "localcmdline", cmd_on: command(true), cmd_off: command(false) } },
    }),
  );
  const child = await listening(
    port,
    await startProgram(daemon, {
      args: ["--conf", config, "--logfile", join(folder.path, "log"), "--loglevel", "ERROR"],
      ready: "none",
    }),
  );
  return {
    name: "PDUDaemon",
    all: async (on) => {
      const asked = Array.from({ length: slots }, async (_, at) => {
        const query = `hostname=rack&port=${at + 1}`;
        const answer = await fetch(
          `http://127.0.0.1:${port}/power/control/${on ? "on" : "off"}?${query}`,
        );
        await answer.text();
        if (!answer.ok) throw new Error(`PDUDaemon answered ${answer.status}`);
      });
      await Promise.all(asked);
    },
    [Symbol.asyncDispose]: () => end(child, folder),
  };
}

async function end(child: Child, folder: TempDir): Promise<void> {
  await child.kill("SIGTERM");
  await folder[Symbol.asyncDispose]();
}
