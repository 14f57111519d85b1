import type { Clock } from "@outrider/ports/time";
import { browse } from "@outrider/transports/mdns";
import type { AnnouncedService } from "@outrider/transports/mdns-records";

/** What a service that announces itself could be. Whose it is, nobody has said. */
export interface AnnouncedProposal {
  readonly port: "power" | "heartbeat";
  readonly driver: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly why: string;
  readonly confidence: "medium" | "low";
  /** Its host's name without the domain, in lower case. */
  readonly host: string;
  /** An address of its host's network interface, where it says one. */
  readonly mac?: string;
}

const WORKSTATION = "_workstation._tcp.local";
const SSH = "_ssh._tcp.local";
const SHELLY = "_shelly._tcp.local";
const ESPHOME = "_esphomelib._tcp.local";
const HOME_ASSISTANT = "_home-assistant._tcp.local";
const HTTP = "_http._tcp.local";
const TYPES = [WORKSTATION, SSH, SHELLY, ESPHOME, HOME_ASSISTANT, HTTP];

/** Tasmota's own host name: `tasmota-A1B2C3-0707`, of which the first part is also in its topic. */
const TASMOTA = /^tasmota[-_]([0-9a-f]{6})(?:-\d{4})?$/i;
const MAC = /\[((?:[0-9a-f]{2}:){5}[0-9a-f]{2})\]$/i;

/**
 * Plugs and hosts that announce themselves by mDNS in the networks of these own addresses. Only asks.
 * @throws the signal's reason
 */
export async function detectAnnounced(
  own: readonly string[],
  clock: Clock,
  signal: AbortSignal,
): Promise<{ proposals: AnnouncedProposal[]; failed: string[] }> {
  const { services, failed } = await browse(TYPES, own, clock, signal);
  const names = failed.map(({ address, error }) => {
    const { code = error.message } = error as NodeJS.ErrnoException;
    return `The network of ${address} cannot be asked who is there (${code}). Look at its interface and its firewall.`;
  });
  return { proposals: proposalsOf(services), failed: names };
}

/** What is proposed for them, one of each driver for a host. */
export function proposalsOf(services: readonly AnnouncedService[]): AnnouncedProposal[] {
  const macs = new Map(
    services.flatMap(({ type, name, host }): [string, string][] => {
      const [, mac] = (type === WORKSTATION && MAC.exec(name)) || [];
      return mac === undefined ? [] : [[host.toLowerCase(), mac.toLowerCase()]];
    }),
  );
  const proposals = new Map<string, AnnouncedProposal>();
  // Shelly's own type says the generation, its web page does not always.
  for (const service of services.toSorted(
    (a, b) => TYPES.indexOf(a.type) - TYPES.indexOf(b.type),
  )) {
    const proposal = proposalOf(service);
    if (!proposal) continue;
    const host = service.host.toLowerCase();
    const key = `${proposal.driver} ${service.address}`;
    const mac = macs.get(host);
    if (proposals.has(key)) continue;
    proposals.set(key, { ...proposal, host, ...(mac === undefined ? {} : { mac }) });
  }
  return [...proposals.values()];
}

type Found = Pick<AnnouncedProposal, "port" | "driver" | "options" | "why" | "confidence">;

function proposalOf(service: AnnouncedService): Found | undefined {
  const { type, address, port, text } = service;
  const says = `${service.host}.local (${address}${repeated(service)}) announces`;
  const url = `http://${address}${port === 80 ? "" : `:${port}`}`;
  const power = { port: "power", confidence: "low" } as const;
  const unknown = "Which node hangs on it is not known.";
  switch (type) {
    case WORKSTATION:
      return {
        port: "heartbeat",
        driver: "ping",
        options: { host: address },
        why: `${says} itself by mDNS as ${service.name}.`,
        confidence: "low",
      };
    case SSH:
      return {
        port: "heartbeat",
        driver: "ssh-banner",
        options: { host: address, ...(port === 22 ? {} : { port }) },
        why: `${says} an SSH server by mDNS.`,
        confidence: "low",
      };
    case SHELLY:
    case HTTP: {
      const tasmota = TASMOTA.exec(service.host)?.[1];
      if (type === HTTP && tasmota !== undefined) {
        return {
          ...power,
          driver: "tasmota",
          options: {
            broker: "mqtt://broker.example:1883",
            topic: `tasmota_${tasmota.toUpperCase()}`,
          },
          why: `${says} a web page by mDNS, and its name is one of Tasmota. The topic is concluded from that; the broker is not known: both stand in its console. ${unknown}`,
        };
      }
      if (type === HTTP && !/^shelly/i.test(service.host)) return undefined;
      const generation = Number(text.get("gen") ?? "1") >= 2 ? 2 : 1;
      return {
        ...power,
        driver: "shelly",
        options: { url, generation },
        why: `${says} a Shelly by mDNS (${text.get("app") ?? service.name}, generation ${text.get("gen") ?? "1"}). ${unknown}`,
        confidence: type === SHELLY ? "medium" : "low",
      };
    }
    case ESPHOME:
      return {
        ...power,
        driver: "esphome",
        options: { url: `http://${address}`, switch: "relay" },
        why: `${says} ESPHome ${text.get("version") ?? ""} by mDNS. It must have the component web_server; the id of its switch is not known. ${unknown}`,
      };
    case HOME_ASSISTANT:
      return {
        ...power,
        driver: "home-assistant",
        options: {
          url,
          entity: "switch.example",
          token: { file: "/etc/outrider/secrets/home-assistant" },
        },
        why: `${says} Home Assistant by mDNS (${text.get("location_name") ?? service.name}). Which of its switches is a node's supply is not known; it wants a token, and without https the option unencrypted.`,
      };
    default:
      return undefined;
  }
}

function repeated({ address, saidBy }: AnnouncedService): string {
  return saidBy === address ? "" : `, as ${saidBy} says`;
}
