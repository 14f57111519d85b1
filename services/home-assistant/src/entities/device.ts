import type { HomeAssistantComponent } from "@outrider/contracts/home-assistant";

/** An entity, or a device trigger, without what it takes from its device. */
export interface Entity {
  /** Names it among those of its device, for ever: its history hangs on it. */
  readonly key: string;
  /** `switch`, `sensor`, `device_automation` … */
  readonly platform: string;
  readonly config: HomeAssistantComponent;
}

/** A device of Home Assistant: a node, an agent or the site. */
export interface Device {
  readonly kind: "node" | "agent" | "site";
  /** Of the node or agent, or the name of the site. */
  readonly id: string;
  /** As people call it; may change. */
  readonly name: string;
  /** What else Home Assistant shows of it: `model`, `sw_version`, `via_device` … */
  readonly about: Readonly<Record<string, string>>;
  readonly entities: readonly Entity[];
  /** Whether all is known that decides which entities there are; what is missing of others is no reason to remove any. */
  readonly complete: boolean;
}
