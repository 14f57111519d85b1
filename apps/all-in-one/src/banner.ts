import type { AgentId, NodeId } from "@outrider/contracts/ids";
import type { Site } from "@outrider/inventory-service/site";
import { hostOf, type Door } from "./door.js";

export interface BannerFacts {
  readonly version: string;
  readonly site: string;
  readonly door: Door;
  /** Of the web page and the REST interface. */
  readonly webUrl: string;
  /** Somebody who has not signed in yet, and the file with the one-time password. */
  readonly administrator?: { readonly name: string; readonly passwordFile: string } | undefined;
  readonly nodes: readonly NodeId[];
  /** Where people reach consoles by SSH, and a node that has one. */
  readonly ssh?:
    | {
        readonly host: string;
        readonly port: number;
        /** Of the host key, `SHA256:…`. */
        readonly fingerprint?: string | undefined;
        readonly node: NodeId;
      }
    | undefined;
  readonly demo?:
    | { readonly found: boolean; readonly virtualMachine: string | undefined }
    | undefined;
  /** Nodes of agents that run here and that cannot be managed yet. */
  readonly notYet: readonly NodeId[];
  /** Agents that run elsewhere and got their secret just now. */
  readonly newAgents: readonly { readonly agent: AgentId; readonly secretFile: string }[];
}

/** What there is to say of SSH: nothing where it does not listen, or no node has a console. */
export function sshOf(
  door: { readonly host: string; readonly port: number; readonly fingerprint?: string } | undefined,
  site: Pick<Site, "nodes">,
): BannerFacts["ssh"] {
  const node = site.nodes.find(({ endpoints }) => endpoints.some(({ kind }) => kind === "console"));
  return door && node && { ...door, host: hostOf(door.host), node: node.id };
}

const DEFAULT_URL = "http://127.0.0.1:8080";

/** What is printed once everything serves. Every command in it works as it stands. */
export function banner(facts: BannerFacts): string {
  const { door, nodes, demo } = facts;
  const node = nodes.find((id) => !facts.notYet.includes(id)) ?? nodes[0];
  // Of a site of one's own: signing in keeps the address as well.
  const outrider = demo ? `${environmentOf(facts.webUrl)}npx outrider` : "npx outrider";
  const mqtt = mosquitto(door);
  return [
    "",
    `Outrider ${facts.version} runs the site ${facts.site}: ${listOf(nodes)}`,
    ...(demo ? [demoLine(demo)] : []),
    `web       ${facts.webUrl}/`,
    ...(facts.administrator
      ? [
          `sign in   ${facts.administrator.name}, with the one-time password in ${facts.administrator.passwordFile}`,
        ]
      : []),
    `MQTT      ${door.url}${door.username ? `, user ${door.username}, secret in ${door.secretFile}` : ""}`,
    ...(facts.ssh ? sshLines(facts.ssh, demo !== undefined) : []),
    ...facts.newAgents.map(
      ({ agent, secretFile }) =>
        `agent     ${agent} runs elsewhere: put ${secretFile} on its host (OUTRIDER_AGENT_SECRET_FILE)`,
    ),
    ...(facts.notYet.length > 0
      ? [`not yet   ${facts.notYet.join(", ")} cannot be managed yet; the log says why`]
      : []),
    "",
    "In another terminal, in this directory:",
    ...(demo
      ? []
      : [`  npx outrider login ${facts.administrator?.name ?? "NAME"} ${facts.webUrl}`]),
    `  ${outrider} get nodes`,
    ...(node === undefined
      ? []
      : [
          `  ${outrider} power cycle ${node}`,
          ...(facts.ssh ? [`  ${outrider} console ${facts.ssh.node}`] : []),
          `  mosquitto_sub ${mqtt} -v -t 'outrider/v1/node/${node}/#'`,
          `  mosquitto_pub ${mqtt} -q 1 -t outrider/v1/node/${node}/power/set -m PowerCycle`,
        ]),
    "",
    "Ctrl-C stops it.",
    "",
  ].join("\n");
}

function sshLines(
  { host, port, fingerprint, node }: NonNullable<BannerFacts["ssh"]>,
  isDemo: boolean,
): string[] {
  const place = port === 22 ? host : `'[${host}]:${port}'`;
  // The key is new with each data folder. Nobody is told to forget the key of a site of their own.
  const forget = isDemo ? `; where ssh knows an older one: ssh-keygen -R ${place}` : "";
  return [
    `consoles  ssh ${node}@${host} -p ${port}`,
    ...(fingerprint === undefined ? [] : [`host key  ${fingerprint}${forget}`]),
  ];
}

function listOf(nodes: readonly NodeId[]): string {
  const shown = nodes.slice(0, 8).join(", ");
  return nodes.length > 8 ? `${shown} and ${nodes.length - 8} more` : shown || "no nodes";
}

function demoLine({ found, virtualMachine }: NonNullable<BannerFacts["demo"]>): string {
  const machine =
    virtualMachine === undefined
      ? "simulated machines"
      : `simulated machines, and ${virtualMachine} is a QEMU virtual machine`;
  const anybody = "anybody on this machine may act on them";
  return `demo      ${machine}${found ? ", found running" : ""}; ${anybody}`;
}

/** What the command line must be told. */
function environmentOf(webUrl: string): string {
  return webUrl === DEFAULT_URL ? "" : `OUTRIDER_URL=${webUrl} `;
}

function mosquitto({ host, port, username, secretFile }: Door): string {
  const credentials =
    username === undefined ? "" : ` -u ${username} -P "$(cat ${shell(secretFile ?? "")})"`;
  return `-h ${host} -p ${port}${credentials}`;
}

function shell(text: string): string {
  return /^[\w./@:+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
