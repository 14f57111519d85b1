import type { Via } from "@outrider/contracts/power";

/** By which way something was asked that came as a message. */
export function viaOf(actor: string | undefined): Via {
  if (actor === "service:gateway") return "rest";
  if (actor === "service:home-assistant") return "home-assistant";
  return "mqtt";
}
