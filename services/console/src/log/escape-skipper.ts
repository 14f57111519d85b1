/** No sequence is longer; what goes on without an end is text again from there. */
export const SEQUENCE_BYTES = 4096;

const BEL = 0x07;
const CAN = 0x18;
const SUB = 0x1a;
const ESC = 0x1b;

type State = "none" | "escape" | "csi" | "string" | "string-escape";

/** A control sequence (ECMA-48 5.4) that was complete: its final byte, and its first parameter where there is one. */
export interface ControlSequence {
  readonly final: string;
  readonly parameter: number | undefined;
}

/**
 * Recognises escape sequences byte by byte: those of two characters, control sequences, and the strings that OSC, DCS,
 * SOS, PM and APC begin.
 */
export class EscapeSkipper {
  #state: State = "none";
  #length = 0;
  #parameter: number | undefined;
  #parameterEnded = false;

  /** Whether bytes are text now. */
  get idle(): boolean {
    return this.#state === "none";
  }

  reset(): void {
    this.#state = "none";
  }

  /** An ESC has come. */
  begin(): void {
    this.#state = "escape";
    this.#length = 1;
  }

  /** Takes a byte within a sequence. `again`: it belongs to none, and is to be looked at as text. */
  take(byte: number): "taken" | "again" | ControlSequence {
    this.#length++;
    if (this.#length > SEQUENCE_BYTES) return this.#abandon();
    if (byte === CAN || byte === SUB) return this.#end();
    switch (this.#state) {
      case "escape":
        return this.#escape(byte);
      case "csi":
        return this.#csi(byte);
      case "string":
        if (byte === BEL) return this.#end();
        if (byte === ESC) this.#state = "string-escape";
        return "taken";
      case "string-escape":
        // ST is ESC \; any other escape ends the string too and begins a sequence.
        if (byte === 0x5c) return this.#end();
        this.#state = "escape";
        return this.#escape(byte);
      case "none":
        return "again";
    }
  }

  #escape(byte: number): "taken" | "again" {
    if (byte === 0x5b) {
      this.#state = "csi";
      this.#parameter = undefined;
      this.#parameterEnded = false;
      return "taken";
    }
    // P X ] ^ _ : DCS SOS OSC PM APC
    if (byte === 0x50 || byte === 0x58 || (byte >= 0x5d && byte <= 0x5f)) {
      this.#state = "string";
      return "taken";
    }
    if (byte === ESC) return "taken";
    // Intermediate bytes: one more follows, as in ESC ( B.
    if (byte >= 0x20 && byte <= 0x2f) return "taken";
    if (byte >= 0x30 && byte <= 0x7e) return this.#end();
    return this.#abandon();
  }

  #csi(byte: number): "taken" | "again" | ControlSequence {
    if (byte >= 0x30 && byte <= 0x39) {
      if (!this.#parameterEnded) {
        this.#parameter = Math.min((this.#parameter ?? 0) * 10 + byte - 0x30, 99_999);
      }
      return "taken";
    }
    if (byte >= 0x20 && byte <= 0x3f) {
      this.#parameterEnded = true;
      return "taken";
    }
    if (byte >= 0x40 && byte <= 0x7e) {
      this.#state = "none";
      return { final: String.fromCharCode(byte), parameter: this.#parameter };
    }
    if (byte === ESC) {
      this.#state = "escape";
      return "taken";
    }
    return this.#abandon();
  }

  #end(): "taken" {
    this.#state = "none";
    return "taken";
  }

  #abandon(): "again" {
    this.#state = "none";
    return "again";
  }
}
