import { Integer, Optional } from "@outrider/contracts/decorators";

/** For drivers that need none; a class without rules is a mistake elsewhere. */
export class NoOptions {
  @Optional() @Integer(0, 1) unused?: number;
}
