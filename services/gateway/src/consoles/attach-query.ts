import { IsBoolean, Matches } from "class-validator";
import {
  ATTACH_MODES,
  ESCAPE_PATTERN,
  REPLAY_PATTERN,
  type AttachMode,
} from "@outrider/contracts/console-attach";
import { OneOf, Optional } from "@outrider/contracts/decorators";

/** How somebody wants to be at a console. */
export class AttachQuery {
  /** Default `write`: types if nobody does, else looks on. */
  @Optional() @OneOf(ATTACH_MODES) mode?: AttachMode;
  /** What is shown first: `none`, `boot`, `previous-boot`, `screen`, `lines:200`, `since:10m`. */
  @Optional() @Matches(REPLAY_PATTERN) replay?: string;
  @Optional() @OneOf(["cli", "web"]) way?: "cli" | "web";
  /** Given: what is typed after it are commands, and what is told are lines of text, for a terminal. */
  @Optional() @Matches(ESCAPE_PATTERN) escape?: string;
  /** Exact bytes instead of what is safe to show to a terminal. */
  @Optional() @IsBoolean() raw?: boolean;
}
