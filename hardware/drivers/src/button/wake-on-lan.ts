import { Integer, Optional } from "@outrider/contracts/decorators";
import { defineDriver } from "@outrider/ports/driver";
import { sendMagicPacket } from "@outrider/transports/magic-packet";
import { Matches } from "class-validator";

const IPV4 = /^(25[0-5]|2[0-4]\d|1?\d?\d)(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}$/;
const UDP_PORT = 9;
const EVERYBODY = "255.255.255.255";

/** The network card that starts its machine, and how it is reached. */
export class WakeOnLanOptions {
  /** Ethernet address of the card, as the machine's firmware or `ip link` shows it: `d8:3a:dd:00:00:01`. */
  @Matches(/^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$/)
  mac!: string;
  /**
   * Broadcast address of the machine's network: `10.0.0.255`. Default: 255.255.255.255, which leaves the agent's host by
   * one network only.
   */
  @Optional() @Matches(IPV4) broadcast?: string;
  /** UDP port; cards take any. Default: 9. */
  @Optional() @Integer(1, 65_535) udpPort?: number;
}

export const driver = defineDriver({
  port: "button",
  driver: "wake-on-lan",
  summary:
    "Starts a machine that has halted on a live supply by a magic packet to its network card; what shuts it down is handed to it.",
  actions: ["Wake", "PushPowerButton", "GracefulShutdown"],
  options: WakeOnLanOptions,
  needs: {
    shutdown: {
      port: "button",
      optional: true,
      summary: "asks the host to go down, or presses its button",
    },
  },
  example: {
    options: { mac: "d8:3a:dd:00:00:01", broadcast: "10.0.0.255" },
    needs: {
      shutdown: {
        driver: "reporter",
        options: { host: "10.0.0.41", secret: { file: "/etc/outrider/secrets/reporter-pc2" } },
      },
    },
  },
  proof: "the packets of PyPI's wakeonlan 3.1.0, byte by byte",
  open: async ({ mac, broadcast = EVERYBODY, udpPort = UDP_PORT }, { clock }, { shutdown }) => {
    const press = shutdown?.press?.bind(shutdown);
    const shutDown = shutdown?.shutDown?.bind(shutdown);
    return {
      ...(press === undefined ? {} : { press }),
      ...(shutDown === undefined ? {} : { shutDown }),
      wake: (signal) => sendMagicPacket({ mac, address: broadcast, udpPort, clock }, signal),
      [Symbol.asyncDispose]: async () => {},
    };
  },
});
