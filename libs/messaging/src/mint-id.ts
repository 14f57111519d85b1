import { commandId, type CommandId } from "@outrider/contracts/ids";
import { v7 } from "uuid";

/** A new UUIDv7: unique, and sorted by the time of minting. */
export function mintId(): string {
  return v7();
}

/** A new id for a command. */
export function mintCommandId(): CommandId {
  return commandId(v7());
}

/** Names one connection of one client. A command that quotes another epoch is dead. */
export function mintEpoch(): string {
  return v7();
}
