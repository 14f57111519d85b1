import { Agent, type AgentOptions } from "node:https";
import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";
import { PortError } from "@outrider/ports/port-error";

/** By what a server is known. */
export type TlsTrust =
  /** Its certificate is signed by this authority (PEM), or is this one itself. */
  | { readonly ca: string }
  /** SHA-256 of its very certificate, in hexadecimal, colons or not. Its name and its dates then do not count. */
  | { readonly fingerprint: string };

/** Codes of OpenSSL and Node by which a certificate is refused. */
const UNTRUSTED =
  /^(CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_CERT|HOSTNAME_MISMATCH|INVALID_CA)/;

/** Connections with TLS to one server. Nothing is sent before the server is known to be the right one. */
export function tlsAgent(keepAlive: boolean, trust?: TlsTrust): Agent {
  const options: AgentOptions = { keepAlive, minVersion: "TLSv1.2" };
  if (trust === undefined) return new TrustingAgent(options, undefined);
  if ("ca" in trust) return new TrustingAgent({ ...options, ca: trust.ca }, undefined);
  return new TrustingAgent({ ...options, rejectUnauthorized: false }, plain(trust.fingerprint));
}

type Made = (error: Error | null, socket?: TLSSocket) => void;

class TrustingAgent extends Agent {
  constructor(
    options: AgentOptions,
    private readonly fingerprint: string | undefined,
  ) {
    super(options);
  }

  override createConnection(options: object, made?: unknown): undefined {
    const asked = options as ConnectionOptions & { host?: string };
    const socket = connect({ servername: nameOf(asked.host ?? ""), ...asked });
    const done = made as Made;
    const fail = (error: NodeJS.ErrnoException): void =>
      done(UNTRUSTED.test(error.code ?? "") ? untrusted(error.code ?? "", error) : error);
    socket.once("error", fail);
    socket.once("secureConnect", () => {
      socket.off("error", fail);
      const seen = plain(socket.getPeerCertificate().fingerprint256);
      if (this.fingerprint === undefined || seen === this.fingerprint) return done(null, socket);
      socket.destroy();
      done(untrusted("it has the fingerprint " + seen));
    });
    return undefined;
  }
}

/** Server names are names, never addresses (RFC 6066, 3). */
function nameOf(host: string): string {
  return /^[\d.]+$|:/.test(host) ? "" : host;
}

function plain(fingerprint: string): string {
  return fingerprint.replaceAll(":", "").toLowerCase();
}

function untrusted(why: string, cause?: Error): PortError {
  return new PortError(
    "protocol",
    `The certificate of the device is not one that is trusted (${why}). Check that the address belongs to it, and correct caFile or fingerprint of the endpoint.`,
    { cause },
  );
}
